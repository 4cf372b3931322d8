"""Tiles cover the image once, begin on the network's grid and reflect the frame's edge."""

import numpy as np
import pytest

from acs_deepcr_step.network import tiling
from acs_deepcr_step.network.tiling import Tiling


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (64, 64), (65, 63), (100, 1), (257, 130)])
@pytest.mark.parametrize("side", [2, 32, 64, 1000])
def test_tiles_cover_every_pixel_once_and_begin_on_the_grid(shape, side):
    count = np.zeros(shape, int)
    for rows, columns in tiling.cut(shape, Tiling(side, 8, 2)):
        count[rows, columns] += 1
        assert rows.start % 2 == 0 and columns.start % 2 == 0
        assert rows.stop - rows.start <= side and columns.stop - columns.start <= side
    assert (count == 1).all()


def test_tiles_are_of_nearly_equal_size():
    heights = {rows.stop - rows.start for rows, _ in tiling.cut((2048, 10), Tiling(320, 8, 2))}
    assert max(heights) - min(heights) <= 14


@pytest.mark.parametrize("shape", [(9, 40), (40, 9), (41, 41), (20, 33)])
def test_a_tile_is_the_reflected_image_cut(shape):
    image = np.random.default_rng(0).normal(size=shape).astype(">f4")
    padded = np.pad(image, 8 + 2, mode="reflect")[2:, 2:]
    for rows, columns in tiling.cut(shape, Tiling(16, 8, 2)):
        tile = tiling.take(image, rows, columns, Tiling(16, 8, 2))
        assert tile.dtype == np.float32 and tile.flags.c_contiguous
        assert tile.shape[0] % 2 == 0 and tile.shape[1] % 2 == 0
        expected = padded[
            rows.start : rows.start + tile.shape[0], columns.start : columns.start + tile.shape[1]
        ]
        np.testing.assert_array_equal(tile, expected)


def test_a_tile_of_a_single_pixel_repeats_it():
    tile = tiling.take(np.full((1, 1), 7.0), slice(0, 1), slice(0, 1), Tiling(16, 8, 2))
    assert tile.shape == (18, 18) and (tile == 7).all()


@pytest.mark.parametrize("threads", [1, 3])
def test_the_result_is_put_together_from_the_inner_parts(threads):
    image = np.arange(70.0 * 50).reshape(70, 50)
    out = np.empty(image.shape)
    done = []
    cut = Tiling(16, 4, 2, threads)
    tiling.process(lambda tile: tile[4:-4, 4:-4] + 1, [image], out, cut, done.append)
    np.testing.assert_array_equal(out, (image + 1).astype(np.float32))
    assert sum(done) == len(tiling.cut(image.shape, cut))


def test_an_error_in_a_tile_reaches_the_caller_and_ends_the_work():
    calls = []

    def fail(tile):
        calls.append(1)
        raise RuntimeError("in a tile")

    with pytest.raises(RuntimeError, match="in a tile"):
        tiling.process(fail, [np.zeros((640, 640))], np.empty((640, 640)), Tiling(16, 4, 2, 2))
    assert len(calls) <= 2
