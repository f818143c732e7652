// The tar file (POSIX ustar) that an OVA is: headers that hold nothing of the machine they were made on.

const RECORD_BYTES = 512
/** Two records of zeros end the file. */
export const TAR_END = Buffer.alloc(2 * RECORD_BYTES)
/** 11 octal digits. */
const MAX_OCTAL_SIZE = 8 ** 11 - 1

export interface TarEntry {
  name: string
  sizeBytes: number
  /** Seconds since 1970. */
  modifiedAt: number
}

/**
 * The header of a regular file with mode 0644, owned by user and group 0. From 8 GiB on the size is written in base 256,
 * which GNU, BSD, Go, Python and libarchive read (ustar's own field ends there).
 * @throws RangeError for a name that does not fit as it is, or a size or time that is no whole number.
 */
export function tarHeader({ name, sizeBytes, modifiedAt }: TarEntry): Buffer {
  if (!/^[A-Za-z0-9][\w.-]{0,98}$/.test(name)) throw new RangeError(`"${name}" is no plain file name for a tar header`)
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new RangeError(`${sizeBytes} is no size of a file`)
  if (!Number.isInteger(modifiedAt) || modifiedAt < 0 || modifiedAt > MAX_OCTAL_SIZE)
    throw new RangeError(`${modifiedAt} is no time of a tar header`)
  const header = Buffer.alloc(RECORD_BYTES)
  const octal = (value: number, offset: number, digits: number) =>
    header.write(value.toString(8).padStart(digits, '0'), offset, 'latin1')
  header.write(name, 0, 'latin1')
  octal(0o644, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  if (sizeBytes <= MAX_OCTAL_SIZE) octal(sizeBytes, 124, 11)
  else {
    header.writeUInt8(0x80, 124)
    header.writeBigUInt64BE(BigInt(sizeBytes), 128)
  }
  octal(modifiedAt, 136, 11)
  header.write('0', 156, 'latin1')
  header.write('ustar\u000000', 257, 'latin1')
  // Checksum: the sum of all bytes, its own field counted as spaces.
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** The zeros that fill a file's last record. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((RECORD_BYTES - (sizeBytes % RECORD_BYTES)) % RECORD_BYTES)
}
