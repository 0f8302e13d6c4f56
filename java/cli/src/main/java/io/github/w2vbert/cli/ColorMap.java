package io.github.w2vbert.cli;

import java.awt.image.IndexColorModel;

/**
 * Perceptually uniform colours for numbers from 0 to 1: Matplotlib's maps of these names (Smith and
 * van der Walt, CC0), of which 17 colours are kept and interpolated.
 */
enum ColorMap {
  MAGMA(
      0x000004, 0x0a0822, 0x1d1147, 0x36106b, 0x51127c, 0x6a1c81, 0x832681, 0x9c2e7f, 0xb73779,
      0xcf4070, 0xe55064, 0xf4695c, 0xfb8761, 0xfea571, 0xfec287, 0xfde0a1, 0xfcfdbf),
  VIRIDIS(
      0x440154, 0x48186a, 0x472d7b, 0x424086, 0x3b528b, 0x33638d, 0x2c728e, 0x26828e, 0x21918c,
      0x1f9f88, 0x27ad81, 0x3dbc74, 0x5cc863, 0x81d34d, 0xaadc32, 0xd5e21a, 0xfde725);

  /** The place in a palette of 1; that of 0 is 0. */
  static final int LAST = 254;

  /** The place in a palette of what is not a number. */
  static final int MISSING = 255;

  private static final int MISSING_RGB = 0x909090;

  private final int[] anchors;

  ColorMap(int... anchors) {
    this.anchors = anchors;
  }

  /** The place in a palette of a number, which is limited to 0 to 1. */
  static byte index(double value) {
    return (byte)
        (Double.isFinite(value) ? Math.round(LAST * Math.max(0, Math.min(1, value))) : MISSING);
  }

  /** The colour at a place of the palette, 0xRRGGBB. */
  int rgb(int index) {
    if (index == MISSING) {
      return MISSING_RGB;
    }
    double place = (double) index / LAST * (anchors.length - 1);
    int below = Math.min((int) place, anchors.length - 2);
    int rgb = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
      int from = anchors[below] >> shift & 0xFF;
      int to = anchors[below + 1] >> shift & 0xFF;
      rgb |= (int) Math.round(from + (place - below) * (to - from)) << shift;
    }
    return rgb;
  }

  IndexColorModel palette() {
    int[] colors = new int[MISSING + 1];
    for (int i = 0; i < colors.length; i++) {
      colors[i] = rgb(i);
    }
    return new IndexColorModel(8, colors.length, colors, 0, false, -1, 0 /* TYPE_BYTE */);
  }

  /** The colours from 0 to 1 as a CSS image. */
  String cssGradient() {
    StringBuilder css = new StringBuilder("linear-gradient(to right");
    for (int color : anchors) {
      css.append(",#%06x".formatted(color));
    }
    return css.append(')').toString();
  }
}
