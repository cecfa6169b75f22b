// The content of the PEM files of `tls`, and its use.

#include "config/tls_files.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "config/load.hpp"
#include "config/read_file.hpp"
#include "config/temporary_file.hpp"
#include "support/certificates.hpp"
#include "support/temporary_directory.hpp"

namespace pillion::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

/// Each certificate's subject and use.
std::vector<std::pair<std::string, CaUse>> uses_in(const std::string& pem) {
  const TemporaryFile file(pem);
  const auto certificates = read_ca_file(file.path());
  EXPECT_TRUE(certificates) << certificates.error();
  std::vector<std::pair<std::string, CaUse>> uses;
  for (const auto& certificate : certificates.value()) uses.emplace_back(certificate.subject(), certificate.use);
  return uses;
}

/// The fault of a ca_file, without its name.
std::string fault_in(const std::string& pem) {
  const TemporaryFile file(pem);
  const auto certificates = read_ca_file(file.path());
  EXPECT_EQ(ERR_peek_error(), 0U) << "an error left in the queue is taken for one of the next call";
  return certificates ? "" : certificates.error().substr(certificates.error().find("` ") + 2);
}

class CaFile : public testing::Test {
 protected:
  test::CertificateAuthority root{"Root"};
  test::CertificateAuthority upper = root.intermediate("Upper");
  test::CertificateAuthority lower = upper.intermediate("Lower");
};

TEST_F(CaFile, ARootIsAnAnchor) {
  EXPECT_THAT(uses_in(root.certificate_pem()), ElementsAre(Pair("CN=Root", CaUse::root)));
}

TEST_F(CaFile, AnIntermediateIsAnAnchorWhereItsIssuerIsNotInTheFile) {
  EXPECT_THAT(uses_in(lower.certificate_pem()), ElementsAre(Pair("CN=Lower", CaUse::anchor_intermediate)));
  EXPECT_THAT(uses_in(test::CertificateAuthority("Other").certificate_pem() + lower.certificate_pem()),
              ElementsAre(Pair("CN=Other", CaUse::root), Pair("CN=Lower", CaUse::anchor_intermediate)));
}

TEST_F(CaFile, AnIntermediateIsNoneWhereItsIssuerIsInTheFile) {
  EXPECT_THAT(uses_in(lower.certificate_pem() + upper.certificate_pem()),
              ElementsAre(Pair("CN=Lower", CaUse::intermediate), Pair("CN=Upper", CaUse::anchor_intermediate)));
  EXPECT_THAT(uses_in(root.certificate_pem() + upper.certificate_pem() + lower.certificate_pem()),
              ElementsAre(Pair("CN=Root", CaUse::root), Pair("CN=Upper", CaUse::intermediate),
                          Pair("CN=Lower", CaUse::intermediate)));
}

TEST_F(CaFile, AnAuthorityOfTheIssuersNameIsNotTheIssuer) {
  EXPECT_THAT(uses_in(test::CertificateAuthority("Root").certificate_pem() + upper.certificate_pem()),
              ElementsAre(Pair("CN=Root", CaUse::root), Pair("CN=Upper", CaUse::anchor_intermediate)));
}

TEST_F(CaFile, AServersCertificateIsOfNoUseUnlessItSignedItself) {
  const auto leaf = root.issue().certificate_pem();
  EXPECT_THAT(uses_in(leaf + root.certificate_pem()),
              ElementsAre(Pair("CN=dot.example", CaUse::none), Pair("CN=Root", CaUse::root)));
  EXPECT_EQ(fault_in(leaf), "has no certificate of a CA");
  EXPECT_THAT(uses_in(test::self_signed().certificate_pem()), ElementsAre(Pair("CN=dot.example", CaUse::root)));
}

TEST_F(CaFile, WithoutACertificateCannotBeUsed) {
  EXPECT_EQ(fault_in(""), "has no certificate");
  EXPECT_EQ(fault_in("not a certificate"), "has no certificate");
  EXPECT_EQ(fault_in(root.issue().key_pem()), "has no certificate");
  auto broken = root.certificate_pem();
  broken.insert(broken.find('\n') + 9, "!");
  EXPECT_THAT(fault_in(broken), StartsWith("cannot be read: "));
  EXPECT_EQ(fault_in(std::string((std::size_t{2} << 20U) + 1, ' ')), "is longer than 2 MiB");
  EXPECT_EQ(read_ca_file("/dev/zero").error(), "`/dev/zero` cannot be read: it is not a regular file");
  EXPECT_EQ(read_ca_file("/nonexistent/ca.pem").error(),
            "`/nonexistent/ca.pem` cannot be read: No such file or directory");
}

/// The warnings, or the faults, of a configuration with these keys in `tls`.
std::pair<std::vector<std::string>, std::string> load(const std::string& tls) {
  try {
    const auto yaml = R"(upstreams: {a: {servers: [{address: "192.0.2.1:853"}], tls: {)" + tls + "}}}";
    return {parse_config(yaml, "f.yaml").warnings, ""};
  } catch (const ConfigError& error) {
    return {{}, error.what()};
  }
}

TEST_F(CaFile, WarnsOfAnchorsThatAreNoRootsAndOfWhatIsOfNoUse) {
  const TemporaryFile usual(root.certificate_pem() + upper.certificate_pem());
  EXPECT_THAT(load("ca_file: " + usual.path()), Pair(IsEmpty(), ""));
  const TemporaryFile unusual(lower.certificate_pem() + root.issue().certificate_pem());
  const auto where = "upstreams.a.tls.ca_file: `" + unusual.path() + "`: ";
  EXPECT_THAT(
      load("ca_file: " + unusual.path()),
      Pair(ElementsAre(where + "the intermediate CA `CN=Lower` is a trust anchor, since the file does not have its "
                               "issuer, `CN=Upper`",
                       where + "the certificate `CN=dot.example` is not a CA certificate; Pillion does not use it"),
           ""));
}

TEST_F(CaFile, WarnsOfAFewOfMany) {
  std::string pem;
  for (int i = 0; i < 22; ++i) pem += upper.certificate_pem();
  const TemporaryFile file(pem);
  const auto warnings = load("ca_file: " + file.path()).first;
  ASSERT_THAT(warnings, SizeIs(21));
  EXPECT_THAT(warnings.back(), HasSubstr("`: and 2 more"));
}

class ClientFiles : public testing::Test {
 protected:
  [[nodiscard]] static std::string fault_of(const std::string& cert_file, const std::string& key_file) {
    return load("client_cert: " + cert_file + ", client_key: " + key_file).second;
  }
  test::TemporaryDirectory directory;
  test::Identity identity = test::CertificateAuthority().issue();
  std::string cert = directory.write("cert.pem", identity.certificate_pem());
  std::string key = directory.write("key.pem", identity.key_pem());
  std::string garbage = directory.write("garbage.pem", "-----BEGIN CERTIFICATE-----\n!\n");
};

TEST_F(ClientFiles, MustBelongTogether) {
  EXPECT_EQ(fault_of(cert, key), "");
  EXPECT_THAT(fault_of(garbage, key),
              AllOf(HasSubstr("upstreams.a.tls.client_cert: `" + garbage + "` cannot be used as a certificate: ")));
  const auto another = directory.write("another.pem", test::CertificateAuthority().issue().key_pem());
  for (const auto& bad : {garbage, another, cert}) {
    EXPECT_THAT(
        fault_of(cert, bad),
        AllOf(HasSubstr("upstreams.a.tls.client_key: `" + bad + "` cannot be used as the key of `" + cert + "`: "),
              HasSubstr("; allowed: the path of a readable PEM file, together with client_cert")));
  }
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST_F(ClientFiles, AFifoIsRefusedAndNotWaitedFor) {
  const auto fifo = (directory.path() / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const auto reason = "`" + fifo + "` cannot be read: it is not a regular file; allowed: ";
  EXPECT_THAT(load("ca_file: " + fifo).second, HasSubstr("upstreams.a.tls.ca_file: " + reason));
  EXPECT_THAT(fault_of(fifo, key), HasSubstr("upstreams.a.tls.client_cert: " + reason));
  EXPECT_THAT(fault_of(cert, fifo), HasSubstr("upstreams.a.tls.client_key: " + reason));
  EXPECT_EQ(check_client_certificate(fifo, key).error().problem,
            "`" + fifo + "` cannot be read: it is not a regular file");
  EXPECT_EQ(check_client_certificate(cert, fifo).error().key, "client_key");
  EXPECT_THAT(read_file(fifo, 1).error(), "it is not a regular file");
  EXPECT_THAT(read_file_or_pipe("/dev/null", 1).value(), IsEmpty());
}

TEST_F(ClientFiles, ALinkToAFileIsAsGoodAsTheFile) {
  const auto link = directory.path() / "link";
  std::filesystem::create_symlink(cert, link);
  EXPECT_TRUE(check_client_certificate(link.string(), key));
}

TEST_F(ClientFiles, TheCertificateBringsItsChain) {
  const test::CertificateAuthority root("Root");
  const auto chained = directory.write("chain.pem", identity.certificate_pem() + root.certificate_pem());
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  ASSERT_TRUE(use_client_certificate(context.get(), chained, key));
  EXPECT_EQ(ERR_peek_error(), 0U);
  STACK_OF(X509)* chain = nullptr;
  ASSERT_EQ(SSL_CTX_get0_chain_certs(context.get(), &chain), 1);
  EXPECT_EQ(sk_X509_num(chain), 1);
  const auto broken = directory.write("broken.pem", identity.certificate_pem() + "-----BEGIN CERTIFICATE-----\n!\n");
  EXPECT_EQ(check_client_certificate(broken, key).error().key, "client_cert");
}

TEST_F(ClientFiles, AKeyWithAPassphraseIsAFaultAndNoQuestion) {
  struct FreeBio {
    void operator()(BIO* bio) const { BIO_free(bio); }
  };
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PrivateKey(bio.get(), identity.key(), EVP_aes_128_cbc(),
                                     reinterpret_cast<const unsigned char*>("secret"), 6, nullptr, nullptr),
            1);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &text);
  const auto locked = directory.write("locked.pem", std::string_view(text, static_cast<std::size_t>(size)));
  EXPECT_THAT(fault_of(cert, locked),
              HasSubstr("`: it needs a passphrase, which Pillion has no way to ask for; allowed: "));
}

}  // namespace
}  // namespace pillion::config
