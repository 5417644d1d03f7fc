// What option values must look like by themselves, before any file is read: a value that fails here is a
// usage error (exit code 2). Whether it fits the model or the session is found out later (exit code 1).
#pragma once

#include <CLI/CLI.hpp>

namespace qroar::cli {

CLI::Validator ropeSpecValue();
CLI::Validator quantSpecValue();
/// Rising whole numbers separated by commas.
CLI::Validator bandEdgesValue();
/// A whole number of tokens, at least 2: the first one is never predicted.
CLI::Validator tokensValue();
CLI::Validator exportFormatValue();
CLI::Validator exportTypeValue();

/// Gives the options of the command that are called --rope, --quant, --contexts, --copy and --band-edges the
/// check that goes with the name.
void checkCommonValues(CLI::App& command);

} // namespace qroar::cli
