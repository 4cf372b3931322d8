#!/bin/sh
# Makes the weights of ACS-WFC-fast anew, with their calibration, in a directory. Most of an hour of one core.
# The same kind of processor and the same PyTorch give the same file, byte for byte.
set -e
directory=${1:?give a directory}
python=${PYTHON:-python}
"$python" -m acs_deepcr_step patches --simulate 300 --seed 2 --output "$directory/patches"
"$python" -m acs_deepcr_step train "$directory/patches" --teacher ACS-WFC --device cpu --threads 1 \
    --output "$directory/ACS-WFC-fast.safetensors" --no-calibration --no-tensorboard
"$python" -m acs_deepcr_step calibrate "$directory/ACS-WFC-fast.safetensors" \
    --output "$directory/ACS-WFC-fast.calibration.json"
