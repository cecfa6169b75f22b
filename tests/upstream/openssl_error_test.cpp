#include "upstream/openssl_error.hpp"

#include <gmock/gmock.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace pillion::upstream {
namespace {

using ::testing::HasSubstr;

std::string text_of_reason(int reason) {
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, nullptr);
  return openssl_text(ERR_PACK(ERR_LIB_SSL, 0, reason));
}

std::string text_of_alert(int alert) {
  return text_of_reason(alert + SSL_AD_REASON_OFFSET);
}

TEST(OpensslText, NamesTheAlert) {
  EXPECT_EQ(text_of_alert(SSL_AD_DECODE_ERROR), "the server sent the alert \"decode error\"");
}

TEST(OpensslText, SaysWhatAnAlertMeansForTheConfiguration) {
  EXPECT_EQ(text_of_alert(SSL_AD_CERTIFICATE_REQUIRED),
            "the server sent the alert \"certificate required\": it requires a client certificate, which "
            "tls.client_cert names");
  EXPECT_THAT(text_of_alert(SSL_AD_PROTOCOL_VERSION), HasSubstr("it does not speak TLS 1.2 or"));
  EXPECT_THAT(text_of_alert(SSL_AD_UNKNOWN_CA), HasSubstr("it does not accept the client certificate"));
  EXPECT_THAT(text_of_alert(SSL_AD_UNRECOGNIZED_NAME), HasSubstr("it does not serve the TLS name"));
}

TEST(OpensslText, SaysThatTheServerDoesNotSpeakTls) {
  EXPECT_EQ(text_of_reason(SSL_R_WRONG_VERSION_NUMBER), "wrong version number: what the server sent is not TLS");
  EXPECT_THAT(text_of_reason(SSL_R_UNSUPPORTED_PROTOCOL), HasSubstr("only TLS versions below 1.2"));
}

TEST(OpensslText, OfNoErrorSaysSo) {
  EXPECT_EQ(openssl_text(0), "OpenSSL gives no reason");
}

}  // namespace
}  // namespace pillion::upstream
