// Fingerprints (XXH3, 128 bits, as 32 hexadecimal digits): to recognise the same model or document again.
// Not a cryptographic signature.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace qroar {

class Fingerprint {
  public:
    Fingerprint();
    ~Fingerprint();
    Fingerprint(const Fingerprint&) = delete;
    Fingerprint& operator=(const Fingerprint&) = delete;
    void add(const void* data, std::size_t bytes);
    void add(std::string_view text) { add(text.data(), text.size()); }
    [[nodiscard]] std::string hex() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace qroar
