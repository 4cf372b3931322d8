"""Arrays in, arrays out: numpy and scipy only, no file, no network, no detector."""
