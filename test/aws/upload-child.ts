// A process to be killed in the middle of an upload: what to do comes as JSON on stdin, what happened goes to stdout, a line each.
import { text } from 'node:stream/consumers'
import { type AwsClientsOptions, createAwsClients } from '../../appliance/aws/clients.ts'
import { createPartBuffers } from '../../appliance/aws/part-buffers.ts'
import { createPartUpload } from '../../appliance/aws/s3-upload.ts'
import { chunks } from './seeded-stream.ts'

export interface UploadOrder {
  connection: AwsClientsOptions
  bucket: string
  key: string
  accountId: string
  partBytes: number
  stream: { totalBytes: number; seed: number }
}

if (import.meta.main) {
  const { connection, stream, ...order } = JSON.parse(await text(process.stdin)) as UploadOrder
  const say = (line: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(line)}\n`)
  const upload = await createPartUpload({
    ...order,
    clients: createAwsClients(connection),
    buffers: createPartBuffers(),
    tags: {},
    onUploadId: async uploadId => {
      say({ uploadId })
    },
    onProgress: uploadedBytes => say({ uploadedBytes }),
  })
  for (const chunk of chunks(stream.totalBytes, stream.seed)) await upload.write(chunk)
}
