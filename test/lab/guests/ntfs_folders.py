"""Makes folders in an NTFS image file that is not mounted: ntfscp copies files but makes no folders, so this asks
the library that ntfs-3g itself is made of.   usage: ntfs_folders.py IMAGE FOLDER..."""

import ctypes
import ctypes.util
import stat
import sys

name = ctypes.util.find_library("ntfs-3g")
if name is None:
    sys.exit("libntfs-3g is not there: install ntfs-3g")
ntfs = ctypes.CDLL(name, use_errno=True)
ntfs.ntfs_mount.restype = ctypes.c_void_p
ntfs.ntfs_mount.argtypes = [ctypes.c_char_p, ctypes.c_ulong]
ntfs.ntfs_umount.argtypes = [ctypes.c_void_p, ctypes.c_int]
ntfs.ntfs_pathname_to_inode.restype = ctypes.c_void_p
ntfs.ntfs_pathname_to_inode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p]
ntfs.ntfs_create.restype = ctypes.c_void_p
ntfs.ntfs_create.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint8, ctypes.c_uint32]
ntfs.ntfs_inode_close.argtypes = [ctypes.c_void_p]


def check(result, what):
    if not result:
        sys.exit(f"{what}: errno {ctypes.get_errno()}")
    return result


image, *folders = sys.argv[1:]
volume = check(ntfs.ntfs_mount(image.encode(), 0), f"cannot open {image}")
for folder in folders:
    parts = folder.split("/")
    for depth in range(1, len(parts) + 1):
        path = "/".join(parts[:depth])
        there = ntfs.ntfs_pathname_to_inode(volume, None, path.encode())
        if not there:
            parent_path = "/".join(parts[: depth - 1]) or "/"
            parent = check(ntfs.ntfs_pathname_to_inode(volume, None, parent_path.encode()), parent_path)
            there = check(
                ntfs.ntfs_create(parent, 0, parts[depth - 1].encode("utf-16-le"), len(parts[depth - 1]), stat.S_IFDIR),
                f"cannot make {path}",
            )
            # Closing in this order writes the parent's index and the new folder's own record.
            ntfs.ntfs_inode_close(parent)
        ntfs.ntfs_inode_close(there)
if ntfs.ntfs_umount(volume, 0) != 0:
    sys.exit(f"cannot close {image}: errno {ctypes.get_errno()}")
