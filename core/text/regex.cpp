#include "core/text/regex.h"

#include "core/base/strings.h"
#include "core/text/json_fields.h"
#include "core/text/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdexcept>

namespace qroar {

struct Regex::Code {
    pcre2_code* compiled = nullptr;
    std::string pattern;
    Code(pcre2_code* c, std::string_view p) : compiled(c), pattern(p) {}
    ~Code() { pcre2_code_free(compiled); }
    Code(const Code&) = delete;
    Code& operator=(const Code&) = delete;
};

namespace {

constexpr std::size_t longestPattern = 65536;

struct CompileContext {
    pcre2_compile_context* value = pcre2_compile_context_create(nullptr);
    CompileContext() {
        if (value) pcre2_set_newline(value, PCRE2_NEWLINE_LF);
    }
    ~CompileContext() { pcre2_compile_context_free(value); }
    CompileContext(const CompileContext&) = delete;
    CompileContext& operator=(const CompileContext&) = delete;
};

struct MatchData {
    pcre2_match_data* value;
    explicit MatchData(const pcre2_code* code) : value(pcre2_match_data_create_from_pattern(code, nullptr)) {
        if (!value) throw std::bad_alloc();
    }
    ~MatchData() { pcre2_match_data_free(value); }
    MatchData(const MatchData&) = delete;
    MatchData& operator=(const MatchData&) = delete;
};

std::string messageOf(int code) {
    PCRE2_UCHAR buffer[256];
    pcre2_get_error_message(code, buffer, sizeof buffer);
    return reinterpret_cast<const char*>(buffer);
}

int match(const pcre2_code* code, std::string_view subject, std::size_t from, pcre2_match_data* data) {
    const auto* text = reinterpret_cast<PCRE2_SPTR>(subject.data());
    const int found = pcre2_match(code, text, subject.size(), from, PCRE2_NO_UTF_CHECK, data, nullptr);
    if (found != PCRE2_ERROR_JIT_STACKLIMIT) return found;
    return pcre2_match(code, text, subject.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, nullptr);
}

} // namespace

Outcome<Regex> Regex::compile(std::string_view pattern, const std::string& where) {
    const std::string shown = inQuotes(pattern);
    if (pattern.size() > longestPattern)
        return Error::bad(where + ": regular expression of "
                          + formatBytes(static_cast<double>(pattern.size())) + ", at most "
                          + formatBytes(static_cast<double>(longestPattern)) + " expected");
    if (utf8::validPrefix(pattern) != pattern.size())
        return Error::bad(where + ": regular expression is not UTF-8");
    auto translated = onigurumaToPcre(pattern);
    if (!translated) return translated.error().in(where + ": regular expression " + shown);
    const CompileContext context;
    int problem = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated->data()), translated->size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                                     &problem, &offset, context.value);
    if (!code) return Error::bad(where + ": regular expression " + shown + ": " + messageOf(problem));
    (void)pcre2_jit_compile(code,
                            PCRE2_JIT_COMPLETE); // without it the interpreter runs, with the same result
    Regex regex;
    regex.code_ = std::make_shared<const Code>(code, pattern);
    return regex;
}

void Regex::findAll(std::string_view subject, std::vector<Stretch>& stretches) const {
    stretches.clear();
    const MatchData data(code_->compiled);
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.value);
    std::size_t covered = 0;  // end of the last stretch
    std::size_t from = 0;     // where the next search starts
    bool matchedHere = false; // a match ended at `covered`: an empty one right there does not count
    while (from <= subject.size()) {
        const int found = match(code_->compiled, subject, from, data.value);
        if (found == PCRE2_ERROR_NOMATCH) break;
        if (found < 0)
            throw std::runtime_error("regular expression " + inQuotes(code_->pattern)
                                     + " cannot be run on this text: " + messageOf(found));
        const std::size_t begin = range[0], end = range[1];
        const bool empty = begin == end;
        if (!(empty && matchedHere && begin == covered)) {
            if (begin > covered) stretches.push_back({covered, begin, false});
            stretches.push_back({begin, end, true});
            covered = end;
            matchedHere = true;
        }
        from = end;
        if (empty) from += from < subject.size() ? utf8::lengthOf(subject[from]) : 1;
    }
    if (covered < subject.size()) stretches.push_back({covered, subject.size(), false});
}

} // namespace qroar
