// What a password must be, and how strong one looks: pure, for the page's hint as well as for the refusal.
import { ApplianceError } from '../errors.ts'
import { knownPasswords, knownWords } from './known-passwords.ts'

/** Length is what counts; rules on kinds of characters only make passwords that end in "1!". */
export const minLength = 12
/** Enough for any passphrase, and little to hash. Code points. */
export const maxLength = 256
/** Fewer different characters than this are a pattern, however long. */
const minDifferent = 5

export type PasswordProblemCode =
  | 'TOO_SHORT'
  | 'TOO_LONG'
  | 'KNOWN'
  | 'NAME'
  | 'REPEATED'
  | 'SEQUENCE'
  | 'FEW_CHARACTERS'

export interface PasswordProblem {
  code: PasswordProblemCode
  message: string
}

export interface PasswordVerdict {
  /** Whether it keeps the rules. */
  acceptable: boolean
  /** A hint: 0 is guessed at once, 4 is beyond guessing. Below 2 for all that is not acceptable. */
  score: 0 | 1 | 2 | 3 | 4
  problems: PasswordProblem[]
}

/** What is wrong with a password, for an account of that name. */
export function checkPassword(password: string, name = ''): PasswordVerdict {
  const text = password.normalize('NFKC')
  const characters = [...text]
  const plain = text.toLowerCase()
  // What a guesser tries for each word: letters for digits, and something around it.
  const core = unleet(plain).replace(/[^\p{L}\p{N}]/gu, '')
  const problems: PasswordProblem[] = []
  const add = (code: PasswordProblemCode, message: string) => problems.push({ code, message })
  if (characters.length < minLength)
    add('TOO_SHORT', `It needs ${minLength} characters; this has ${characters.length}.`)
  if (characters.length > maxLength) add('TOO_LONG', `It may have ${maxLength} characters.`)
  if (isKnown(plain, core)) add('KNOWN', 'It is one that guessers try first, or is made of such words.')
  if (leansOnName(plain, core, name)) add('NAME', 'It is little more than the name of the account.')
  if (isRepeated(plain)) add('REPEATED', 'It is the same piece again and again.')
  if (isSequence(plain)) add('SEQUENCE', 'It follows the alphabet, the digits or the keyboard.')
  if (new Set(characters).size < minDifferent) add('FEW_CHARACTERS', `It needs ${minDifferent} different characters.`)
  const acceptable = problems.length === 0
  return { acceptable, score: acceptable ? scoreOf(characters) : characters.length < minLength ? 0 : 1, problems }
}

/** @throws {ApplianceError} PASSWORD_WEAK, with all that is wrong */
export function requireGoodPassword(password: string, name: string): void {
  const { problems } = checkPassword(password, name)
  if (problems.length === 0) return
  throw new ApplianceError('PASSWORD_WEAK', problems.map(problem => problem.message).join(' '), {
    hint: 'Take four or five words that have nothing to do with each other.',
  })
}

/** Bits as if each character were drawn from its kinds, halved: people do not draw. */
function scoreOf(characters: readonly string[]): 2 | 3 | 4 {
  const kinds: [RegExp, number][] = [
    [/\p{Ll}/u, 26],
    [/\p{Lu}/u, 26],
    [/\p{N}/u, 10],
    [/[^\p{L}\p{N}]/u, 20],
  ]
  const text = characters.join('')
  const alphabet = kinds.reduce((sum, [kind, size]) => sum + (kind.test(text) ? size : 0), 0)
  const bits = (new Set(characters).size / 2 + characters.length / 2) * (Math.log2(Math.max(alphabet, 2)) / 2)
  return bits >= 60 ? 4 : bits >= 42 ? 3 : 2
}

const lookAlikes: Readonly<Record<string, string>> = {
  0: 'o',
  1: 'l',
  3: 'e',
  4: 'a',
  5: 's',
  7: 't',
  '@': 'a',
  $: 's',
  '!': 'i',
}

function unleet(text: string): string {
  return text.replace(/[013457@$!]/g, found => lookAlikes[found] ?? found)
}

/** On the list, or nothing of its own besides words of the list and a few digits. */
function isKnown(plain: string, core: string): boolean {
  if (knownPasswords.has(plain) || knownPasswords.has(plain.replace(/[^\p{L}\p{N}]/gu, ''))) return true
  return remainder(core, knownWords) <= ownCharacters || remainder(lettersOf(plain), knownWords) <= ownCharacters
}

/** A password must have more of its own than this besides well-known words. */
const ownCharacters = 4

/** Letters that are left when the words are taken out, digits not counted. */
function remainder(text: string, words: readonly string[]): number {
  let rest = text
  for (const word of words) rest = rest.replaceAll(word, '')
  return rest === text ? Number.POSITIVE_INFINITY : [...rest.replace(/\p{N}/gu, '')].length
}

function lettersOf(text: string): string {
  return text.replace(/[^\p{L}]/gu, '')
}

function leansOnName(plain: string, core: string, name: string): boolean {
  const own = name.toLowerCase()
  if ([...own].length < 3) return false
  const bare = unleet(own).replace(/[^\p{L}\p{N}]/gu, '')
  return [own, bare].some(
    word => word.length >= 3 && [plain, core].some(text => remainder(text, [word]) <= ownCharacters),
  )
}

/** A piece of at most half its length, over and over. */
function isRepeated(text: string): boolean {
  return /^(.{1,128}?)\1+.{0,2}$/su.test(text)
}

const rows = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'qwertzuiop',
  'yxcvbnm',
  'azertyuiop',
]
const neighbours = new Set(
  rows.flatMap(row => [...row].slice(1).flatMap((to, index) => [`${row[index]}${to}`, `${to}${row[index]}`])),
)

/** Three of four steps go to the neighbour in the alphabet or on the keyboard, or stay. */
function isSequence(text: string): boolean {
  const characters = [...text]
  const steps = characters
    .slice(1)
    .filter((to, index) => to === characters[index] || neighbours.has(`${characters[index]}${to}`))
  return characters.length > 3 && steps.length >= (characters.length - 1) * 0.75
}
