#!/bin/sh
# Counts the calibrations of the published mask models anew, each in its place. Two minutes a model.
set -e
cd "$(dirname "$0")/.."
weights=acs_deepcr_step/network/weights/mask
for file in "$weights"/*.safetensors; do
    model=$(basename "$file" .safetensors)
    "${PYTHON:-python}" -m acs_deepcr_step calibrate "$model" --output "$weights/$model.calibration.json"
done
