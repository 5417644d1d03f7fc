#include "core/bench/text_work.h"

#include "core/base/strings.h"
#include "core/bench/random_model.h"

namespace qroar::bench {

namespace {

Workload named(const char* what, const Tokenizer& tokenizer, const std::string& text) {
    return {what, "", tokenizer.description() + ", " + formatBytes(static_cast<double>(text.size())),
            1,    1,  {}};
}

} // namespace

Workload encodeWork(std::shared_ptr<const Tokenizer> tokenizer, std::size_t bytes) {
    const std::string text = randomText(bytes, 1);
    Workload work = named("tokenizer, encode", *tokenizer, text);
    work.run = [tokenizer = std::move(tokenizer), text]() -> Outcome<WorkDone> {
        const std::size_t tokens = tokenizer->encode(text).size();
        return WorkDone{0, static_cast<double>(tokens), static_cast<double>(text.size()), 1, 0};
    };
    return work;
}

Workload decodeWork(std::shared_ptr<const Tokenizer> tokenizer, std::size_t bytes) {
    const std::string text = randomText(bytes, 1);
    Workload work = named("tokenizer, decode", *tokenizer, text);
    const std::vector<TokenId> ids = tokenizer->encode(text);
    work.run = [tokenizer = std::move(tokenizer), ids]() -> Outcome<WorkDone> {
        const std::size_t size = tokenizer->decode(ids).size();
        return WorkDone{0, static_cast<double>(ids.size()), static_cast<double>(size), 1, 0};
    };
    return work;
}

} // namespace qroar::bench
