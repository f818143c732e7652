// Answers in every legal shape, cut anywhere; and hosts that answer with anything else.

import t from 'tap'
import { ResponseParser } from '../../appliance/vsphere/http-response.ts'
import { seededNumbers } from '../disk/sample-disks.ts'

interface Read {
  status: number | undefined
  body: string
  complete: boolean
  failure: string | undefined
}

/** Parses the bytes in pieces of the given sizes, over and over, and then ends the connection. */
function read(answer: string, sizes: readonly number[] = [answer.length]): Read {
  const bytes = Buffer.from(answer, 'latin1')
  const result: Read = { status: undefined, body: '', complete: false, failure: undefined }
  const parser = new ResponseParser({
    onStatus: status => {
      result.status = status
    },
    onBody: piece => {
      result.body += piece.toString('latin1')
    },
  })
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = sizes[turn % sizes.length] ?? 1
      parser.write(bytes.subarray(at, at + size))
      at += size
    }
    result.complete = parser.complete
    parser.end()
  } catch (error) {
    result.failure = (error as Error).message
  }
  return result
}

const whole = (status: number, body: string): Read => ({ status, body, complete: true, failure: undefined })

const answers: Record<string, { answer: string; expected: Read }> = {
  'with a length': { answer: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', expected: whole(200, 'hello') },
  'with the same length twice': {
    answer: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length:5\r\n\r\nhello',
    expected: whole(200, 'hello'),
  },
  'that is empty': { answer: 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n', expected: whole(503, '') },
  'without words for its status': { answer: 'HTTP/1.0 404\r\nContent-Length: 2\r\n\r\nno', expected: whole(404, 'no') },
  'in chunks': {
    answer: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00A\r\n, world...\r\n0\r\n\r\n',
    expected: whole(200, 'hello, world...'),
  },
  'in chunks with extensions and trailers': {
    answer:
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b;c="d"\r\nhe\r\n3 ;x\r\nllo\r\n0;last\r\nX-Sum: 1\r\nY: 2\r\n\r\n',
    expected: whole(200, 'hello'),
  },
  'after informational ones': {
    answer:
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    expected: whole(200, 'hi'),
  },
  'that ends with its connection': {
    answer: 'HTTP/1.1 200 OK\r\nServer: x\t y \xe9\r\n\r\nhello\r\n',
    expected: { ...whole(200, 'hello\r\n'), complete: false },
  },
  'with more bytes behind its end, which are no part of it': {
    answer: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 500 Other\r\n\r\n',
    expected: whole(200, 'hi'),
  },
}

t.test('an answer is read the same however its bytes are cut', t => {
  const next = seededNumbers(11)
  for (const [name, { answer, expected }] of Object.entries(answers)) {
    t.same(read(answer), expected, name)
    t.same(read(answer, [1]), expected, `${name}, byte by byte`)
    for (let at = 1; at < answer.length; at++) t.same(read(answer, [at, answer.length]), expected)
    for (let trial = 0; trial < 50; trial++) {
      const sizes = Array.from({ length: 5 }, () => 1 + (next() % 17))
      t.same(read(answer, sizes), expected, `${name}, in pieces of ${sizes}`)
    }
  }
  t.end()
})

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const refused: Record<string, [string, RegExp]> = {
  'another protocol': ['SSH-2.0-OpenSSH_9.2\r\n', /not one of HTTP/],
  'HTTP/2': ['HTTP/2 200\r\n', /not one of HTTP/],
  'a status of two digits': ['HTTP/1.1 20 OK\r\n', /not one of HTTP/],
  'a change of protocols': ['HTTP/1.1 101 Switching\r\n', /not one of HTTP/],
  'a line that ends without a carriage return': ['HTTP/1.1 200 OK\n', /carriage return/],
  'a status line without end': [`HTTP/1.1 200 ${'x'.repeat(20_000)}`, /status is too long/],
  'headers without end': [`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(5000)}`, /header is too long/],
  'informational answers without end': ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(2000), /too long/],
  'a folded header': ['HTTP/1.1 200 OK\r\nX: a\r\n b\r\n', /not well formed/],
  'a space before the colon': ['HTTP/1.1 200 OK\r\nContent-Length : 5\r\n', /not well formed/],
  'a control character': ['HTTP/1.1 200 OK\r\nX: a\0b\r\n', /not well formed/],
  'a negative length': ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n', /no number/],
  'a length beyond all numbers': ['HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999\r\n', /no number/],
  'two lengths': ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n', /two different lengths/],
  'chunks and a length': [`${chunked.slice(0, -2)}Content-Length: 5\r\n\r\n`, /as well/],
  'an encoding that nobody asked for': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n', /transfer-encoding/],
  'a chunk without a size': [`${chunked}\r\n`, /size of a chunk/],
  'a chunk of a negative size': [`${chunked}-5\r\n`, /size of a chunk/],
  'a chunk size in C': [`${chunked}0x5\r\n`, /size of a chunk/],
  'a chunk size beyond all numbers': [`${chunked}FFFFFFFFFFFFFFFF\r\n`, /size of a chunk/],
  'a chunk size without end': [`${chunked}${'0'.repeat(5000)}`, /chunk size is too long/],
  'an extension without end': [`${chunked}5;${'x'.repeat(5000)}`, /chunk size is too long/],
  'a chunk that is longer than it says': [`${chunked}2\r\nhello\r\n`, /chunk is longer|chunk end/],
  'trailers without end': [`${chunked}0\r\n${'X: y\r\n'.repeat(5000)}`, /trailer is too long/],
  'an end before the answer': ['', /before an answer/],
  'an end within the headers': ['HTTP/1.1 200 OK\r\nContent-Le', /before an answer|too early/],
  'an end within the body': ['HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello', /too early/],
  'an end within a chunk': [`${chunked}6\r\nhello`, /too early/],
  'an end between chunks': [`${chunked}5\r\nhello\r\n`, /too early/],
  'an end before the last line': [`${chunked}5\r\nhello\r\n0\r\n`, /too early/],
}

t.test('whatever is no whole answer is refused, in one piece or byte by byte', t => {
  for (const [name, [answer, why]] of Object.entries(refused)) {
    t.match(read(answer), { complete: false, failure: why }, name)
    t.match(read(answer, [1]), { complete: false, failure: why }, `${name}, byte by byte`)
  }
  t.end()
})
