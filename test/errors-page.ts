// Writes docs/errors.md out of the table of error codes: `npx node test/errors-page.ts > docs/errors.md`.
import { errorCodes } from '../appliance/errors.ts'

/** The page, whole. */
export function errorsPage(codes: Readonly<Record<string, { statusCode: number; meaning: string }>>): string {
  const rows = Object.entries(codes).map(([code, { statusCode, meaning }]) => errorLine(code, statusCode, meaning))
  return `# Error codes

Every error of the appliance has one of these codes, a message that names the server, disk and offset, and a hint that
says what to do. The API answers \`{code, message, hint}\` with the HTTP status given here. Codes never change their
meaning. This page is made from \`appliance/errors.ts\` by \`npx node test/errors-page.ts > docs/errors.md\`.

| code | HTTP | meaning |
| --- | --- | --- |
${rows.join('\n')}
`
}

/** One code's line of the table. */
export function errorLine(code: string, statusCode: number, meaning: string): string {
  return `| \`${code}\` | ${statusCode} | ${meaning.replaceAll('|', '\\|')} |`
}

if (import.meta.main) process.stdout.write(errorsPage(errorCodes))
