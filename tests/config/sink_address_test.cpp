#include "config/sink_address.hpp"

#include <gtest/gtest.h>

namespace pillion::config {
namespace {

TEST(SinkAddress, AFileASocketAndAnEndpoint) {
  const auto file = parse_sink_address("file:/var/log/a:b.json").value();
  EXPECT_EQ(file.kind, SinkKind::file);
  EXPECT_EQ(file.path, "/var/log/a:b.json");
  const auto unix_socket = parse_sink_address("unix:/run/log.sock").value();
  EXPECT_EQ(unix_socket.kind, SinkKind::unix_socket);
  EXPECT_EQ(unix_socket.path, "/run/log.sock");
  const auto tcp = parse_sink_address("tcp:[2001:DB8::1]:6000").value();
  EXPECT_EQ(tcp.kind, SinkKind::tcp);
  EXPECT_EQ(tcp.endpoint, (Endpoint{"2001:db8::1", 6000}));
  EXPECT_EQ(parse_sink_address("udp:192.0.2.1:514").value().kind, SinkKind::udp);
  const auto tls = parse_sink_address("tls:192.0.2.1:6514#log.example").value();
  EXPECT_EQ(tls.kind, SinkKind::tls);
  EXPECT_EQ(tls.endpoint, (Endpoint{"192.0.2.1", 6514}));
  EXPECT_EQ(tls.tls_name, "log.example");
  EXPECT_EQ(parse_sink_address("tls:[2001:db8::1]:6514").value().tls_name, "");
}

TEST(SinkAddress, WhatIsNone) {
  const auto fault = [](std::string_view text) { return parse_sink_address(text).error(); };
  EXPECT_EQ(fault(""), "`` is not a destination");
  EXPECT_EQ(fault("file"), "`file` is not a destination");
  EXPECT_EQ(fault("tcp"), "`tcp` is not a destination");
  EXPECT_EQ(fault("udp"), "`udp` is not a destination");
  EXPECT_EQ(fault("sctp:192.0.2.1:514"), "`sctp:192.0.2.1:514` is not a destination");
  EXPECT_EQ(fault("udp:192.0.2.1:0"), "`udp:192.0.2.1:0` has port 0");
  EXPECT_EQ(fault("udp:192.0.2.1:514#log.example"), "`192.0.2.1:514#log.example` has a bad port");
  EXPECT_EQ(fault("tls:192.0.2.1:6514#"), "`tls:192.0.2.1:6514#` has no name after #");
  EXPECT_EQ(fault("tls:192.0.2.1:6514#a b"), "`a b` is not a host name");
  EXPECT_EQ(fault("file:"), "`file:` has no absolute path");
  EXPECT_EQ(fault("unix:run/log.sock"), "`unix:run/log.sock` has no absolute path");
  EXPECT_EQ(fault("tcp:192.0.2.1:0"), "`tcp:192.0.2.1:0` has port 0");
  EXPECT_EQ(fault("tcp:192.0.2.1"), "`192.0.2.1` has no port");
  EXPECT_NE(fault(std::string_view("file:/a\0b", 9)).find("has a zero byte in its path"), std::string::npos);
}

TEST(SinkAddress, ASocketsPathHas107BytesAtTheMost) {
  EXPECT_TRUE(parse_sink_address("unix:/" + std::string(106, 'a')));
  EXPECT_FALSE(parse_sink_address("unix:/" + std::string(107, 'a')));
  EXPECT_TRUE(parse_sink_address("file:/" + std::string(107, 'a')));
}

}  // namespace
}  // namespace pillion::config
