// Quantization noise and damage inside a session file. Private to this room.
#pragma once

#include "core/session/hdf5_reader.h"
#include "core/session/hdf5_writer.h"
#include "core/session/session.h"

namespace qroar {

void writeNoise(h5::GroupWriter to, const NoiseStatistics& noise);
/// The expected shape is that of the model: a file cannot ask for more.
NoiseStatistics readNoise(const h5::GroupReader& from, const ModelConfig& model, int context);

void writeDamage(h5::GroupWriter to, const Damage& damage);
Damage readDamage(const h5::GroupReader& from, const ModelConfig& model);

/// Empty, or of the model's shape with finite numbers.
Status checkNoise(const NoiseStatistics& noise, const ModelConfig& model, int context);
Status checkDamage(const Damage& damage, const ModelConfig& model);

} // namespace qroar
