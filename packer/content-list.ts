// What is in a system disk: every path with its type, mode, owner, size and SHA-256, read without mounting it.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../test/lab/tools.ts'
import { MiB, type Partition } from './disk-image.ts'
import type { Layout } from './layout.ts'

export interface Entry {
  /** Absolute, as the machine sees it; `(esp)/...` for the EFI partition, `(boot)/...` for what BIOS starts. */
  path: string
  type: 'file' | 'directory' | 'link' | 'device' | 'fifo' | 'socket'
  /** Four octal digits. */
  mode: string
  /** `uid:gid`. */
  owner: string
  sizeBytes: number
  /** Of a file. */
  sha256?: string
  /** Of a link. */
  target?: string
}

/** A system disk, opened: what is in it, and a copy of its files. */
export interface System {
  entries: Entry[]
  /** A folder with the root file system's files. */
  tree: string
}

/**
 * Reads a raw system disk by debugfs and mtools; `directory` is made, and holds a copy of its files after that.
 * @throws CommandError for a disk that is damaged
 */
export async function readSystem(disk: string, layout: Layout, directory: string): Promise<System> {
  const tree = join(directory, 'root')
  await rm(directory, { recursive: true, force: true })
  await mkdir(tree, { recursive: true })
  const fileSystem = `${disk}?offset=${layout.root.startMiB * MiB}`
  await run('e2fsck', ['-f', '-n', fileSystem])
  await run('debugfs', ['-R', `rdump / ${tree}`, fileSystem])
  const entries = await rootEntries(fileSystem, directory, tree)
  entries.push(...(await espEntries(disk, layout.esp, join(directory, 'esp'))))
  entries.push(await range(disk, '(boot)/mbr', 0, 440))
  entries.push(await range(disk, '(boot)/core', layout.biosGrub.startMiB * MiB, layout.biosGrub.sizeMiB * MiB))
  return { entries: entries.sort((a, b) => (a.path < b.path ? -1 : 1)), tree }
}

/** One line an entry; two disks with the same content give the same text. */
export function contentList(entries: readonly Entry[]): string {
  return entries
    .map(({ path, type, mode, owner, sizeBytes, sha256, target }) => {
      // A directory's size tells how it grew, a link's is its target's.
      const what = type === 'file' ? `${sizeBytes} ${sha256}` : type === 'link' ? JSON.stringify(target) : '-'
      return `${type} ${mode} ${owner} ${what} ${/[^!-~]/.test(path) ? JSON.stringify(path) : path}\n`
    })
    .join('')
}

/** What two lists do not have in common, a sentence a path, sorted; empty when all is the same. */
export function contentDifferences(first: string, second: string): string[] {
  const [one, two] = [linesByPath(first), linesByPath(second)]
  return [...new Set([...one.keys(), ...two.keys()])].sort().flatMap(path => {
    const [a, b] = [one.get(path), two.get(path)]
    if (a === b) return []
    if (a === undefined) return [`${path} is only in the second`]
    if (b === undefined) return [`${path} is only in the first`]
    return [`${path}: ${a.slice(0, -path.length - 1)}, then ${b.slice(0, -path.length - 1)}`]
  })
}

function linesByPath(list: string): Map<string, string> {
  const lines = list.split('\n').filter(line => line !== '')
  return new Map(lines.map(line => [/ ("\/(?:[^"\\]|\\.)*"|\S+)$/.exec(line)?.[1] ?? line, line]))
}

const types: Readonly<Record<string, Entry['type']>> = {
  '01': 'fifo',
  '02': 'device',
  '04': 'directory',
  '06': 'device',
  '10': 'file',
  '12': 'link',
  '14': 'socket',
}

async function rootEntries(fileSystem: string, directory: string, tree: string): Promise<Entry[]> {
  const folders = await foldersOf(tree, '/')
  const commands = join(directory, 'commands')
  await writeFile(commands, folders.map(folder => `ls -p "${folder}"\n`).join(''))
  const said = await run('debugfs', ['-f', commands, fileSystem])
  const entries: Entry[] = []
  let folder = ''
  for (const line of said.split('\n')) {
    const command = /^debugfs: ls -p "(.*)"$/.exec(line)
    if (command) folder = command[1] ?? ''
    const [, , bits = '', uid, gid, name = '', size] =
      /^\/(\d+)\/(\d{6})\/(\d+)\/(\d+)\/(.*)\/(\d*)\/$/.exec(line) ?? []
    if (name === '' || name === '..' || (name === '.' && folder !== '/')) continue
    const type = types[bits.slice(0, 2)]
    if (type === undefined) throw new Error(`${join(folder, name)}: mode ${bits} is of no type that a file can have`)
    const path = join(folder, name)
    const entry: Entry = { path, type, mode: bits.slice(2), owner: `${uid}:${gid}`, sizeBytes: Number(size) }
    if (type === 'file') entry.sha256 = await sha256Of(join(tree, path))
    if (type === 'link') entry.target = await readlink(join(tree, path))
    entries.push(entry)
  }
  return entries
}

/** Not readdir's own recursion, which goes through links. */
async function foldersOf(tree: string, folder: string): Promise<string[]> {
  const found = [folder]
  for (const entry of await readdir(join(tree, folder), { withFileTypes: true }))
    if (entry.isDirectory()) found.push(...(await foldersOf(tree, join(folder, entry.name))))
  return found
}

async function espEntries(disk: string, esp: Partition, directory: string): Promise<Entry[]> {
  await mkdir(directory)
  await run('mcopy', ['-s', '-n', '-i', `${disk}@@${esp.startMiB}M`, '::/', directory])
  const entries: Entry[] = []
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const from = join(entry.parentPath, entry.name)
    const common = { path: `(esp)${from.slice(directory.length)}`, owner: '0:0' }
    if (entry.isDirectory()) entries.push({ ...common, type: 'directory', mode: '0700', sizeBytes: 0 })
    else entries.push({ ...common, type: 'file', mode: '0700', ...(await hashed(createReadStream(from))) })
  }
  return entries
}

async function range(disk: string, path: string, start: number, length: number): Promise<Entry> {
  await using file = await open(disk)
  const stream = file.createReadStream({ start, end: start + length - 1, autoClose: false })
  return { path, type: 'file', mode: '0000', owner: '0:0', ...(await hashed(stream)) }
}

async function sha256Of(path: string): Promise<string> {
  return (await hashed(createReadStream(path))).sha256
}

async function hashed(stream: AsyncIterable<Buffer>): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    sizeBytes += chunk.length
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}
