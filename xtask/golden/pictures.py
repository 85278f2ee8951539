"""Writes small JPEG and WebP pictures in the forms that the Rust encoders of the tests can't write.

    python xtask/golden/pictures.py
"""

from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "crates/nopropdt-data/src/picture/tests/files"


def picture() -> Image.Image:
    """A picture of 19 by 14 pixels with edges and slopes, and an alpha."""
    image = Image.new("RGBA", (19, 14))
    image.putdata([(x * 13, y * 18, (x ^ y) * 16, 255 - x * y) for y in range(14) for x in range(19)])
    return image


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    rgb = picture().convert("RGB")
    for name, image, options in [
        ("420.jpeg", rgb, {"subsampling": "4:2:0"}),
        ("422.jpeg", rgb, {"subsampling": "4:2:2"}),
        ("444.jpeg", rgb, {"subsampling": "4:4:4", "quality": 95}),
        ("cmyk.jpeg", rgb.convert("CMYK"), {}),
        ("progressive.jpeg", rgb, {"progressive": True}),
        ("progressive_grey.jpeg", rgb.convert("L"), {"progressive": True}),
        ("no_ycc.jpeg", rgb, {"keep_rgb": True}),
        ("restarts.jpeg", rgb, {"restart_marker_blocks": 1}),
        ("lossy.webp", rgb, {"quality": 50}),
        ("lossy_clear.webp", picture(), {"quality": 80}),
    ]:
        image.save(FOLDER / name, optimize=True, **options)


if __name__ == "__main__":
    main()
