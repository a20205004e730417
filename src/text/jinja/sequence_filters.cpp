// jinja2's filters over sequences and dicts. What is a generator there is one here: always true,
// without a length, used up by reading.
#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace winnow::jinja {
namespace {

using Flavor = Sequence::Flavor;

Value generator(Budget& budget, std::vector<Value> items) {
  return make_sequence(budget, std::move(items), Flavor::kGenerator);
}

// "a.b.0" of a value, items before attributes; `absent` for what is undefined.
Value path_of(Budget& budget, Value value, const Value& path, const Value* absent) {
  if (path.is_whole()) {
    value = get_item(budget, value, path);
    return value.is_undefined() && absent ? *absent : value;
  }
  if (!path.is_string()) fail(Code::kInvalidArgument, "attribute: want a string");
  for (const std::string_view part : split(budget, path.text(), ".", -1)) {
    const bool number =
        !part.empty() && part.size() < 18 && part.find_first_not_of("0123456789") == part.npos;
    value = get_item(budget, value,
                     number ? Value(static_cast<int64_t>(std::stoll(std::string(part))))
                            : Value(std::string(part)));
    if (value.is_undefined() && absent) value = *absent;
  }
  return value;
}

bool is_given(const Value* v) { return v && !v->is_none(); }

Arguments rest(const Arguments& a, size_t from) {
  Arguments out;
  for (size_t i = from; i < a.positional.size(); ++i) out.positional.push_back(a.positional[i]);
  out.named = a.named;
  return out;
}

std::string name_argument(const Arguments& a, size_t i, std::string_view filter) {
  if (a.positional.size() <= i || !a.positional[i].is_string())
    fail(Code::kInvalidArgument, filter, ": want a name as a string");
  return a.positional[i].text();
}

Value filter_join(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("join", a, {"d", "attribute"});
  const std::string between = p[0] ? to_text(budget, *p[0]) : "";
  Builder out(budget);
  bool first = true;
  for (Value item : elements(budget, v)) {
    if (is_given(p[1])) item = path_of(budget, item, *p[1], nullptr);
    if (!first) out += between;
    out += to_text(budget, item);
    first = false;
  }
  return out.take();
}

Value filter_first(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("first", a, {});
  if (Sequence* s = v.sequence(); s && s->is_generator()) {
    if (s->next < s->items.size()) return s->items[s->next++];
  } else if (const std::vector<Value> all = elements(budget, v); !all.empty()) {
    return all.front();
  }
  return Value::undefined("No first item, sequence was empty.");
}

Value filter_last(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("last", a, {});
  if (v.sequence() && v.sequence()->is_generator())
    fail(Code::kInvalidArgument, "'generator' object is not reversible");
  const std::vector<Value> all = elements(budget, v);
  return all.empty() ? Value::undefined("No last item, sequence was empty.") : all.back();
}

Value filter_list(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("list", a, {});
  return make_sequence(budget, elements(budget, v));
}

Value filter_map(Budget& budget, const Value& v, const Arguments& a) {
  std::vector<Value> out;
  if (!v.truth()) return generator(budget, {});  // also of None, which has no elements
  if (a.positional.empty()) {
    const Parameters p("map", a, {"attribute", "default"});
    for (const Value& item : elements(budget, v))
      out.push_back(path_of(budget, item, p.want(0), p[1]));
    return generator(budget, std::move(out));
  }
  const std::string name = name_argument(a, 0, "map");
  const Filter filter = find_filter(name);
  if (!filter) fail(Code::kUnsupported, "No filter named '", name, "'.");
  budget.enter();
  for (const Value& item : elements(budget, v)) out.push_back(filter(budget, item, rest(a, 1)));
  budget.leave();
  return generator(budget, std::move(out));
}

// select, reject, and with a path before the test selectattr, rejectattr.
template <bool by_path, bool wanted>
Value filter_select(Budget& budget, const Value& v, const Arguments& a) {
  if (!v.truth()) return generator(budget, {});
  const size_t at = by_path ? 1 : 0;
  if (by_path && a.positional.empty())
    fail(Code::kInvalidArgument, "Missing parameter for attribute name");
  Check check = nullptr;
  if (a.positional.size() > at) {
    const std::string name = name_argument(a, at, "select");
    check = find_check(name);
    if (!check) fail(Code::kUnsupported, "No test named '", name, "'.");
  }
  const Arguments arguments = rest(a, at + 1);
  std::vector<Value> out;
  for (const Value& item : elements(budget, v)) {
    const Value seen = by_path ? path_of(budget, item, a.positional[0], nullptr) : item;
    if ((check ? check(budget, seen, arguments) : seen.truth()) == wanted) out.push_back(item);
  }
  return generator(budget, std::move(out));
}

Value filter_items(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("items", a, {});
  std::vector<Value> out;
  if (!v.is_undefined() && !v.dict())
    fail(Code::kInvalidArgument, "Can only get item pairs from a mapping.");
  if (v.dict())
    for (const auto& [key, value] : v.dict()->items)
      out.push_back(make_sequence(budget, {key, value}, Flavor::kTuple));
  return generator(budget, std::move(out));
}

// Keys to sort by, beside what they sort.
struct Keyed {
  Value key, item;
};

Value folded(Budget& budget, const Value& v, bool case_sensitive) {
  return !case_sensitive && v.is_string() ? Value(lower(budget, v.text())) : v;
}

// A merge sort: std::stable_sort wants an order, and a template's values may have none.
void sort_keyed(Budget& budget, std::vector<Keyed>& all, bool reverse) {
  std::vector<Keyed> other(all.size());
  for (size_t width = 1; width < all.size(); width *= 2) {
    for (size_t low = 0; low < all.size(); low += 2 * width) {
      const size_t middle = std::min(low + width, all.size());
      const size_t high = std::min(low + 2 * width, all.size());
      size_t a = low, b = middle;
      for (size_t i = low; i < high; ++i) {
        const bool second =
            a == middle || (b < high && (reverse ? less(budget, all[a].key, all[b].key)
                                                 : less(budget, all[b].key, all[a].key)));
        other[i] = std::move(second ? all[b++] : all[a++]);
      }
    }
    std::swap(all, other);
  }
}

std::vector<Value> items_of(std::vector<Keyed> all) {
  std::vector<Value> out;
  out.reserve(all.size());
  for (Keyed& k : all) out.push_back(std::move(k.item));
  return out;
}

Value filter_sort(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("sort", a, {"reverse", "case_sensitive", "attribute"});
  std::vector<Keyed> all;
  for (const Value& item : elements(budget, v)) {
    if (is_given(p[2]) && p[2]->is_string() && p[2]->text().find(',') != std::string::npos)
      fail(Code::kUnsupported, "sort: want one attribute, got several");
    const Value key = is_given(p[2]) ? path_of(budget, item, *p[2], nullptr) : item;
    all.push_back({folded(budget, key, p.truth(1, false)), item});
  }
  sort_keyed(budget, all, p.truth(0, false));
  return make_sequence(budget, items_of(std::move(all)));
}

Value filter_dictsort(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("dictsort", a, {"case_sensitive", "by", "reverse"});
  v.want_defined();
  if (!v.dict()) fail(Code::kInvalidArgument, "dictsort: want a dict, got ", v.type());
  const std::string by = p.text(1, "key");
  if (by != "key" && by != "value")
    fail(Code::kInvalidArgument, "You can only sort by either \"key\" or \"value\"");
  std::vector<Keyed> all;
  for (const auto& [key, value] : v.dict()->items)
    all.push_back({folded(budget, by == "key" ? key : value, p.truth(0, false)),
                   make_sequence(budget, {key, value}, Flavor::kTuple)});
  sort_keyed(budget, all, p.truth(2, false));
  return make_sequence(budget, items_of(std::move(all)));
}

Value filter_unique(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("unique", a, {"case_sensitive", "attribute"});
  std::vector<Value> seen, out;
  for (const Value& item : elements(budget, v)) {
    const Value key = folded(budget, is_given(p[1]) ? path_of(budget, item, *p[1], nullptr) : item,
                             p.truth(0, false));
    const auto is_key = [&](const Value& other) { return equal(budget, other, key); };
    if (std::any_of(seen.begin(), seen.end(), is_key)) continue;
    seen.push_back(key);
    out.push_back(item);
  }
  return generator(budget, std::move(out));
}

Value filter_reverse(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("reverse", a, {});
  if (v.is_string()) return get_slice(budget, v, {}, {}, Value(-1));
  if (v.sequence() && v.sequence()->is_generator())
    fail(Code::kUnsupported, "reverse: want a list, got a generator");
  std::vector<Value> all = elements(budget, v);
  std::reverse(all.begin(), all.end());
  return generator(budget, std::move(all));
}

Value filter_sum(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("sum", a, {"attribute", "start"});
  Value total = p[1] ? *p[1] : Value(0);
  if (total.is_string()) fail(Code::kInvalidArgument, "sum() can't sum strings");
  for (const Value& item : elements(budget, v))
    total = binary(budget, BinaryOp::kAdd, total,
                   is_given(p[0]) ? path_of(budget, item, *p[0], nullptr) : item);
  return total;
}

template <bool greatest>
Value filter_extreme(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("min", a, {"case_sensitive", "attribute"});
  Value best = Value::undefined("No aggregated item, sequence was empty."), best_key;
  bool first = true;
  for (const Value& item : elements(budget, v)) {
    const Value key = folded(budget, is_given(p[1]) ? path_of(budget, item, *p[1], nullptr) : item,
                             p.truth(0, false));
    if (first || (greatest ? less(budget, best_key, key) : less(budget, key, best_key))) {
      best = item;
      best_key = key;
    }
    first = false;
  }
  return best;
}

Value filter_batch(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("batch", a, {"linecount", "fill_with"});
  p.want(0);
  const int64_t size = p.whole(0, 1);
  if (size < 1) fail(Code::kUnsupported, "batch: want at least 1, got ", size);
  std::vector<Value> rows, row;
  for (const Value& item : elements(budget, v)) {
    if (static_cast<int64_t>(row.size()) == size) {
      rows.push_back(make_sequence(budget, std::move(row)));
      row.clear();
    }
    row.push_back(item);
  }
  if (!row.empty() && is_given(p[1])) {
    const int64_t lacks = size - static_cast<int64_t>(row.size());
    budget.bytes(std::min<int64_t>(lacks, 1LL << 40) * static_cast<int64_t>(sizeof(Value)));
    row.insert(row.end(), static_cast<size_t>(lacks), *p[1]);
  }
  if (!row.empty()) rows.push_back(make_sequence(budget, std::move(row)));
  return generator(budget, std::move(rows));
}

Value filter_attr(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("attr", a, {"name"});
  p.want(0);
  const std::string name = p.text(0, "");
  if (v.dict() && find_method(v, name).is_none())
    return Value::undefined(cat("no attribute ", name));
  return get_attribute(budget, v, name);
}

}  // namespace

const FilterTable& sequence_filters() {
  static const FilterTable table = {
      {"join", filter_join},
      {"first", filter_first},
      {"last", filter_last},
      {"list", filter_list},
      {"map", filter_map},
      {"select", filter_select<false, true>},
      {"reject", filter_select<false, false>},
      {"selectattr", filter_select<true, true>},
      {"rejectattr", filter_select<true, false>},
      {"items", filter_items},
      {"sort", filter_sort},
      {"dictsort", filter_dictsort},
      {"unique", filter_unique},
      {"reverse", filter_reverse},
      {"sum", filter_sum},
      {"min", filter_extreme<false>},
      {"max", filter_extreme<true>},
      {"batch", filter_batch},
      {"attr", filter_attr},
  };
  return table;
}

}  // namespace winnow::jinja
