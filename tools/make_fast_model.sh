#!/bin/sh
# Makes the weights of ACS-WFC-fast anew in a directory, in two rounds. An hour of one core.
# The same kind of processor and the same PyTorch give the same file, byte for byte.
set -e
tools=$(cd "$(dirname "$0")" && pwd)
cd "${1:?give a directory}"
export PYTHONPATH="$tools/..${PYTHONPATH:+:$PYTHONPATH}"
step="${PYTHON:-python} -m acs_deepcr_step"
train="--teacher ACS-WFC --device cpu --threads 1 --no-calibration --no-tensorboard"
$step patches --simulate 300 --seed 2 --output first_patches
$step train first_patches --output first.safetensors $train
$step patches --simulate 240 --seed 3 --sharp 0.5 --output patches
$step train patches --output ACS-WFC-fast.safetensors $train \
    --start first.safetensors --epochs 4 --frozen-from 0 --lr 0.002 --source-weight 2
