// Pieces of a body: all bytes, in order, and memory that is used again.

import t from 'tap'
import { BodyPieces } from '../../appliance/vsphere/body-pieces.ts'
import { seededNumbers } from '../disk/sample-disks.ts'

const kib = 1024

t.test('what is put in any sizes is taken in the same order, also when more comes than was wanted', t => {
  const next = seededNumbers(5)
  const sent = Buffer.alloc(6_000_000)
  for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(next(), at)
  const pieces = new BodyPieces()
  const got: Buffer[] = []
  const take = () => {
    const piece = pieces.take()
    if (piece) got.push(Buffer.from(piece))
    return piece
  }
  for (let at = 0; at < sent.length; ) {
    const size = next() % 3 === 0 ? next() % 700_000 : next() % 20_000
    pieces.put(sent.subarray(at, at + size))
    at += size
    if (next() % 2 === 0) take()
  }
  while (take());
  t.ok(sent.equals(Buffer.concat(got)))
  t.ok(got.every(piece => piece.length <= 256 * kib))
  t.equal(pieces.take(), undefined)
  t.end()
})

t.test('a piece stays as it is until the next is taken, whatever comes meanwhile', t => {
  const pieces = new BodyPieces()
  pieces.put(Buffer.alloc(1000, 'a'))
  const piece = pieces.take()
  pieces.put(Buffer.alloc(1000 * kib, 'b'))
  t.same(piece, Buffer.alloc(1000, 'a'))
  t.end()
})

t.test('it says when there is enough to be worth taking, and when it wants no more', t => {
  const pieces = new BodyPieces()
  t.same([pieces.isWorthTaking, pieces.isFull], [false, false])
  pieces.put(Buffer.alloc(128 * kib - 1))
  t.same([pieces.isWorthTaking, pieces.isFull], [false, false])
  pieces.put(Buffer.alloc(1))
  t.same([pieces.isWorthTaking, pieces.isFull], [true, false])
  pieces.put(Buffer.alloc(128 * kib))
  t.same([pieces.isWorthTaking, pieces.isFull], [true, true])
  t.equal(pieces.take()?.length, 256 * kib)
  t.same([pieces.isWorthTaking, pieces.isFull], [false, false])
  t.end()
})

t.test('three buffers carry any number of bytes', t => {
  const pieces = new BodyPieces()
  const seen = new Set<ArrayBufferLike>()
  for (let turn = 0; turn < 100; turn++) {
    while (!pieces.isFull) pieces.put(Buffer.alloc(16 * kib))
    const piece = pieces.take()
    if (piece) seen.add(piece.buffer)
  }
  t.ok(seen.size <= 3, `${seen.size} buffers`)
  t.end()
})
