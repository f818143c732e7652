import t from 'tap'
import { type ByteStep, ByteSteps } from '../../appliance/disk/byte-steps.ts'

/** Records of a length byte and as many letters, after two skipped bytes, until an empty one. */
function records(
  pieceBytes: number,
  stream: Buffer,
): { seen: string[]; tail: string; offset: number; atRecord: boolean } {
  const seen: string[] = []
  let tail = ''
  const record: ByteStep = {
    bytes: 1,
    take: bytes => {
      const length = bytes.readUInt8(0)
      if (length === 0) return undefined
      if (bytes.length < 1 + length) return { ...record, bytes: 1 + length, again: true }
      seen.push(bytes.toString('latin1', 1))
      return record
    },
  }
  const steps = new ByteSteps(record, bytes => {
    tail += bytes.toString('latin1')
  })
  steps.skip(2)
  for (let at = 0; at < stream.length; at += pieceBytes) steps.write(stream.subarray(at, at + pieceBytes))
  return { seen, tail, offset: steps.offset, atRecord: steps.atStep !== undefined }
}

t.test('records come out the same, however the stream is cut', async t => {
  const stream = Buffer.from('--\x03abc\x01d\x0aefghijklmn\x00rest', 'latin1')
  for (let pieceBytes = 1; pieceBytes <= stream.length; pieceBytes++) {
    const expected = { seen: ['abc', 'd', 'efghijklmn'], tail: 'rest', offset: stream.length, atRecord: false }
    t.same(records(pieceBytes, stream), expected, `${pieceBytes} bytes at a time`)
  }
})

t.test('it tells whether a stream that ends does so between two steps', async t => {
  for (const pieceBytes of [1, 4, 100]) {
    t.equal(records(pieceBytes, Buffer.from('--\x01a', 'latin1')).atRecord, true)
    t.equal(records(pieceBytes, Buffer.from('--\x01a\x02b', 'latin1')).atRecord, false)
    t.equal(records(pieceBytes, Buffer.from('-', 'latin1')).atRecord, false)
  }
})
