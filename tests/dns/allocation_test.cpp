// The functions of the data path do not allocate. This program counts the calls of operator new.

#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "dns/framing.hpp"
#include "dns/message_builder.hpp"
#include "dns/response.hpp"
#include "dns/response_writer.hpp"
#include "dns/ttl.hpp"

namespace {
std::size_t allocations = 0;  // the program has one thread
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace pillion::dns::testing {
namespace {

TEST(Allocations, NoneOnTheWayOfAQueryAndItsAnswer) {
  Buffer stream;
  const auto start = begin_frame(stream);
  append(stream, MessageBuilder().question("www.example.com").opt(option_of(option::cookie, Buffer(8))).bytes());
  end_frame(stream, start);
  const auto answer = MessageBuilder(flag::qr)
                          .question("www.example.com")
                          .record(Section::answer, pointer_to(12), type::a, {192, 0, 2, 1})
                          .opt(option_of(option::padding, Buffer(50)))
                          .bytes();
  Buffer out;
  out.reserve(4096);
  auto aged = answer;
  const auto without_opt = MessageBuilder(flag::qr)
                               .question("www.example")
                               .record(Section::answer, pointer_to(12), type::a, Buffer(4))
                               .bytes();

  ResponseWriter writer(0x5eed);
  // The first response makes the writer's tables large enough for others.
  Buffer first;
  writer.start(first, 0, MessageView::parse(answer)->question().name, type::a, klass::in);
  ASSERT_TRUE(writer.add_records(MessageView::parse(answer).value(), [](const Record& record) { return record.ttl; }));

  const auto before = allocations;
  Frames frames(stream);
  const auto query = parse_query(frames.next().value(), {});
  ASSERT_TRUE(query);
  const auto hash = hash_name(query->question().name, 1);
  const auto view = MessageView::parse(answer);
  ASSERT_TRUE(view);
  const bool equal = equal_names(query->question().name, view->question().name);
  age_ttls(*view, aged, 5);
  writer.start(out, flag::qr, view->question().name, type::a, klass::in);
  const bool rewritten = writer.add_records(*view, [](const Record& record) { return record.ttl; });
  OptWriter(out, 0, {}).add_padding(128);
  append_error(out, *query, rcode::servfail, {}, ExtendedError{extended_error::network_error, "connection refused"});
  append_truncated(out, *view, {}, query->edns);
  const auto end = out.size();
  append(out, without_opt);
  const bool shortened = shorten(out, end, without_opt.size() - 1, false);
  append_query(out, 1, flag::rd, query->question().name, type::a, klass::in);
  const auto after = allocations;

  EXPECT_EQ(after, before);
  EXPECT_TRUE(equal && rewritten && shortened && hash != 0);
}

}  // namespace
}  // namespace pillion::dns::testing
