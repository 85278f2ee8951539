"""The files that the documentation's commands name, made of datasets that are here: documented-world.py WORLD DATA CIFAR10_JPEG."""
import gzip
import pathlib
import shutil
import struct
import sys
import zipfile
import zlib

world, data, cifar = map(pathlib.Path, sys.argv[1:])


def idx(path):
    """The values of an IDX file of bytes, and its sizes."""
    held = path.read_bytes()
    held = gzip.decompress(held) if held[:2] == b"\x1f\x8b" else held
    sizes = struct.unpack(f">{held[3]}I", held[4 : 4 + 4 * held[3]])
    return held[4 + 4 * held[3] :], sizes


def png(path, pixels, side):
    """A square grey picture."""
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + pixels[side * row : side * row + side] for row in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def npz(path, arrays):
    """A NumPy file of arrays of bytes, as np.savez writes it: each a name, its sizes and its values."""
    with zipfile.ZipFile(path, "w") as file:
        for name, (sizes, values) in arrays.items():
            about = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {tuple(sizes)}, }}"
            about += " " * (-(len(about) + 11) % 64) + "\n"
            file.writestr(f"{name}.npy", b"\x93NUMPY\x01\0" + struct.pack("<H", len(about)) + about.encode() + values)


# Datasets: the folder `data`, and MNIST as it was downloaded by hand.
(world / "data").symlink_to(data)
downloads = world / "home" / "Downloads"
downloads.mkdir(parents=True)
for file in (data / "mnist").glob("*-ubyte*"):
    downloads.joinpath(file.name).symlink_to(file)

# Pictures: two classes of the folder, under the names of the documentation.
flowers = {"rose": "cat", "tulip": "dog"}
for part, count in ("train", 200), ("test", 60):
    for flower, theirs in flowers.items():
        to = world / "flowers" / part / flower
        to.mkdir(parents=True)
        for file in sorted((cifar / part / theirs).iterdir())[:count]:
            shutil.copy(file, to)
shutil.copytree(world / "flowers/test", world / "unsorted")
shutil.copytree(world / "flowers/test", world / "other-flowers")
shutil.copytree(world / "flowers", world / "moved/flowers")
shutil.copytree(world / "flowers", world / "CIFAR-10-images")
shutil.copytree(world / "flowers/test/rose", world / "more-pictures")
shutil.copy(next((world / "flowers/test/tulip").iterdir()), world / "garden.jpg")

# Digits, as pictures and as arrays.
images, sizes = idx(next((data / "mnist").glob("t10k-images*")))
labels, _ = idx(next((data / "mnist").glob("t10k-labels*")))
side = sizes[1]
image = lambda number: images[side * side * number : side * side * (number + 1)]
png(world / "digit.png", image(0), side)
(world / "scans").mkdir()
for number in range(3):
    png(world / "scans" / f"{number}.png", bytes(255 - value for value in image(number)), side)
# Two classes, one of them rarer.
of = {True: [n for n in range(2000) if labels[n] == 0], False: [n for n in range(2000) if labels[n] == 1]}
parts = {"train": (of[True][:60], of[False][:130]), "val": (of[True][60:80], of[False][130:170]), "test": (of[True][80:100], of[False][170:200])}
arrays = {}
for name, (zeros, ones) in parts.items():
    chosen = sorted(zeros + ones)
    arrays[f"{name}_images"] = ((len(chosen), side, side), b"".join(map(image, chosen)))
    arrays[f"{name}_labels"] = ((len(chosen), 1), bytes(labels[number] for number in chosen))
npz(world / "breastmnist.npz", arrays)
npz(world / "other.npz", {name: array for name, array in arrays.items() if name.startswith("test")})
shutil.copy(world / "breastmnist.npz", world / "moved/breastmnist.npz")
