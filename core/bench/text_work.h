// Tokenizers as workloads: text of invented words to ids and back.
#pragma once

#include "core/bench/measure.h"
#include "core/text/tokenizer.h"

#include <memory>

namespace qroar::bench {

/// Of `bytes` bytes of randomText(); bytes of the result are those of the text.
Workload encodeWork(std::shared_ptr<const Tokenizer> tokenizer, std::size_t bytes = 1 << 18);
Workload decodeWork(std::shared_ptr<const Tokenizer> tokenizer, std::size_t bytes = 1 << 18);

} // namespace qroar::bench
