// Small text helpers shared by parsers and messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qroar {

std::vector<std::string> split(std::string_view text, char separator);
std::string trim(std::string_view text);
bool startsWith(std::string_view text, std::string_view prefix);

/// Parses the whole text as a finite number, independent of the locale; false when anything is left over.
bool parseDouble(std::string_view text, double& value);
bool parseInt(std::string_view text, long long& value);

/// Shortest decimal text that reads back as the same double ("0.1", "4", "1e-05").
std::string formatNumber(double value);
/// The text in single quotes when a shell would take it apart.
std::string shellQuoted(const std::string& text);
/// "44,120", for messages.
std::string formatCount(long long value);
/// "1.5 MiB", for messages.
std::string formatBytes(double bytes);
/// "1:05", "2:03:04", for time left.
std::string formatDuration(double seconds);
/// "[128, 384]", for shapes in messages.
std::string formatShape(const std::vector<long long>& shape);

} // namespace qroar
