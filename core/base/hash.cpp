#include "core/base/hash.h"

#include <xxhash.h>

#include <cstdio>
#include <new>

namespace qroar {

struct Fingerprint::State {
    XXH3_state_t* xxh = XXH3_createState();
    State() {
        if (!xxh) throw std::bad_alloc();
        XXH3_128bits_reset(xxh);
    }
    ~State() { XXH3_freeState(xxh); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
};

Fingerprint::Fingerprint() : state_(std::make_unique<State>()) {}
Fingerprint::~Fingerprint() = default;

void Fingerprint::add(const void* data, std::size_t bytes) {
    if (bytes > 0) XXH3_128bits_update(state_->xxh, data, bytes);
}

std::string Fingerprint::hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh);
    char buffer[33];
    std::snprintf(buffer, sizeof buffer, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                  static_cast<unsigned long long>(hash.low64));
    return buffer;
}

} // namespace qroar
