// Outcome<T>: the value of an operation that can fail for reasons outside the program, or the Error that says
// why. Not for bugs: those are exceptions or asserts. Shape of use:
//     auto file = SafetensorsFile::open(path);
//     if (!file) return file.error();
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace qroar {

enum class ErrorCode { BadInput, NotFound, Unsupported, OutOfMemory, Io, Cancelled };

/// What went wrong, in words for the user: the file, the tensor or key, what was expected and what was found.
struct Error {
    ErrorCode code = ErrorCode::BadInput;
    std::string message;

    static Error bad(std::string text) { return {ErrorCode::BadInput, std::move(text)}; }
    static Error notFound(std::string text) { return {ErrorCode::NotFound, std::move(text)}; }
    static Error unsupported(std::string text) { return {ErrorCode::Unsupported, std::move(text)}; }
    static Error outOfMemory(std::string text) { return {ErrorCode::OutOfMemory, std::move(text)}; }
    static Error io(std::string text) { return {ErrorCode::Io, std::move(text)}; }
    static Error cancelled() { return {ErrorCode::Cancelled, "cancelled"}; }

    /// The same error with "context: " in front, for callers that know more than the place that failed.
    [[nodiscard]] Error in(const std::string& context) const { return {code, context + ": " + message}; }
};

template<class T>
class [[nodiscard]] Outcome {
  public:
    Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Outcome(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

  private:
    std::variant<T, Error> state_;
};

/// An operation without a value: success, or an Error.
struct Done {};
using Status = Outcome<Done>;

} // namespace qroar
