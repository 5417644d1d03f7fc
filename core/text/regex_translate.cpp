// From Oniguruma's syntax to PCRE2's; see onigurumaToPcre in regex.h.
#include "core/text/regex.h"

#include "core/text/utf8.h"

#include <algorithm>
#include <array>

namespace qroar {

namespace {

constexpr const char* wordSet = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D})";

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

class Translator {
  public:
    explicit Translator(std::string_view pattern) : in_(pattern) {}

    Outcome<std::string> run() {
        while (at_ < in_.size() && problem_.empty()) step();
        if (!problem_.empty()) return Error::unsupported(problem_);
        return out_;
    }

  private:
    void refuse(const std::string& what) {
        if (problem_.empty()) problem_ = what + " at byte " + std::to_string(at_) + " is not supported";
    }
    [[nodiscard]] bool sees(std::string_view text) const { return in_.substr(at_, text.size()) == text; }
    void copy(std::size_t count) {
        out_ += in_.substr(at_, count);
        at_ += count;
    }
    void emit(std::string_view text, std::size_t consumed) {
        out_ += text;
        at_ += consumed;
    }

    void step() {
        const char c = in_[at_];
        if (c == '(') return openGroup();
        if (c == ')') return closeGroup();
        if (c == '{' && counted()) return;
        if (c == '*' || c == '+' || c == '?' || c == '|') return copy(1);
        atom_ = out_.size();
        if (c == '[') return charClass();
        if (c == '\\') return escape(false);
        copy(utf8::lengthOf(c));
    }

    void openGroup() {
        groups_.push_back(out_.size());
        if (sees("(*")) return refuse("\"(*\"");
        if (!sees("(?")) return copy(1);
        for (const std::string_view opening : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"})
            if (sees(opening)) return copy(opening.size());
        std::size_t end = at_ + 2; // flags: only i, which both engines read alike
        while (end < in_.size() && (in_[end] == 'i' || in_[end] == '-')) ++end;
        if (end == at_ + 2 || end == in_.size() || (in_[end] != ':' && in_[end] != ')'))
            return refuse("the group \"" + std::string(in_.substr(at_, 4)) + "...\"");
        if (in_[end] == ')') groups_.pop_back();
        copy(end + 1 - at_);
    }

    void closeGroup() {
        if (!groups_.empty()) {
            atom_ = groups_.back();
            groups_.pop_back();
        }
        copy(1);
    }

    /// {n}, {n,}, {n,m}, {,m}. Ruby reads a{n,m}+ as (?:a{n,m})+ and a{n}? as (?:a{n})?, PCRE2 as possessive
    /// and lazy.
    bool counted() {
        std::size_t end = at_ + 1;
        while (end < in_.size() && isDigit(in_[end])) ++end;
        const bool hasLow = end > at_ + 1;
        bool hasComma = false;
        if (end < in_.size() && in_[end] == ',') {
            hasComma = true;
            ++end;
            while (end < in_.size() && isDigit(in_[end])) ++end;
        }
        if (end == in_.size() || in_[end] != '}' || (!hasLow && end - at_ < 3)) return false;
        out_ += '{';
        if (!hasLow) out_ += '0';
        out_ += in_.substr(at_ + 1, end - at_);
        at_ = end + 1;
        if (at_ < in_.size() && (in_[at_] == '+' || (in_[at_] == '?' && !hasComma))) {
            out_.insert(std::min(atom_, out_.size()), "(?:");
            emit(")", 0);
            copy(1);
        }
        return true;
    }

    void charClass() {
        copy(1);
        if (sees("^")) copy(1);
        if (sees("]")) return refuse("\"]\" as the first of a character class");
        while (at_ < in_.size() && in_[at_] != ']' && problem_.empty()) {
            if (sees("&&")) return refuse("a class intersection (\"&&\")");
            if (sees("[")) return refuse("a class inside a class");
            if (in_[at_] == '\\') {
                escape(true);
            } else {
                copy(utf8::lengthOf(in_[at_]));
            }
        }
        if (at_ == in_.size()) return refuse("an unfinished character class");
        copy(1);
    }

    void escape(bool inClass) {
        if (at_ + 1 == in_.size()) return refuse("a backslash at the end");
        const char c = in_[at_ + 1];
        switch (c) {
        case 's':
            return emit(R"(\p{White_Space})", 2);
        case 'S':
            return emit(R"(\P{White_Space})", 2);
        case 'd':
            return emit(R"(\p{Nd})", 2);
        case 'D':
            return emit(R"(\P{Nd})", 2);
        case 'h':
            return emit(inClass ? "0-9a-fA-F" : "[0-9a-fA-F]", 2);
        case 'v':
            return emit(R"(\x0B)", 2);
        case 'w':
            return emit(inClass ? wordSet : "[" + std::string(wordSet) + "]", 2);
        case 'W':
            if (inClass) return refuse("\\W in a character class");
            return emit("[^" + std::string(wordSet) + "]", 2);
        case 'p':
        case 'P':
            return property();
        case 'u':
            return codePoint(4);
        case 'x':
            if (sees("\\x{")) return copy(3);
            return codePoint(2);
        case 'r':
        case 'n':
        case 't':
        case 'f':
        case 'a':
        case 'e':
            return copy(2);
        case 'A':
        case 'z':
            if (!inClass) return copy(2);
            break;
        default:
            break;
        }
        const bool symbol =
            static_cast<unsigned char>(c) < 0x80 && utf8::isPunctuation(static_cast<char32_t>(c));
        if (symbol || c == ' ') return copy(2);
        refuse(std::string("\"\\") + c + "\"");
    }

    void codePoint(std::size_t digits) {
        const std::string_view hex = in_.substr(at_ + 2, digits);
        if (hex.size() != digits || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
            return refuse("an unfinished code point");
        emit("\\x{" + std::string(hex) + "}", 2 + digits);
    }

    /// General categories (one or two letters) and a few long names mean the same in both engines; any other
    /// name is taken as a script, without PCRE2's script extensions.
    void property() {
        const std::size_t close = in_.find('}', at_);
        if (!(sees("\\p{") || sees("\\P{")) || close == std::string_view::npos)
            return refuse("a property without braces");
        std::string_view name = in_.substr(at_ + 3, close - at_ - 3);
        std::string text = "\\" + std::string(1, in_[at_ + 1]) + "{";
        if (!name.empty() && name[0] == '^') {
            text += '^';
            name.remove_prefix(1);
        }
        static constexpr std::array<std::array<const char*, 2>, 9> longNames{{{"Letter", "L"},
                                                                              {"Number", "N"},
                                                                              {"Punctuation", "P"},
                                                                              {"Mark", "M"},
                                                                              {"Symbol", "S"},
                                                                              {"Separator", "Z"},
                                                                              {"Other", "C"},
                                                                              {"Any", "Any"},
                                                                              {"Alphabetic", "Alphabetic"}}};
        const auto known = std::find_if(longNames.begin(), longNames.end(),
                                        [&](const auto& entry) { return name == entry[0]; });
        if (known != longNames.end()) {
            text += (*known)[1];
        } else {
            if (name.size() > 2) text += "sc:";
            text += name;
        }
        emit(text + "}", close + 1 - at_);
    }

    std::string_view in_;
    std::size_t at_ = 0;
    std::string out_;
    std::size_t atom_ = 0;            ///< where the last atom starts in out_
    std::vector<std::size_t> groups_; ///< where the open groups start in out_
    std::string problem_;
};

} // namespace

Outcome<std::string> onigurumaToPcre(std::string_view pattern) {
    return Translator(pattern).run();
}

} // namespace qroar
