/** Hashes in a full tile, and entries in a full bundle (C2SP tlog-tiles). */
export const TILE_WIDTH = 256

/** `x001/x234/067`: groups of three digits, all but the last prefixed with x. */
function groups(index: number): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const parts = padded.match(/\d{3}/g) as string[]
  return parts.map((part, i) => (i < parts.length - 1 ? `x${part}` : part)).join('/')
}

const suffix = (width: number): string => (width === TILE_WIDTH ? '' : `.p/${width}`)

/** Path of the tile of hashes at `level` (tiles of 8 tree levels), `width` of 256 wide. */
export const tilePath = (level: number, index: number, width: number = TILE_WIDTH): string =>
  `tile/${level}/${groups(index)}${suffix(width)}`

export const entriesPath = (index: number, width: number = TILE_WIDTH): string =>
  `tile/entries/${groups(index)}${suffix(width)}`

/** Path of the sealed bodies that belong to the entries of one bundle; there is none where no entry has a body. Ostiary’s own, beside the tiles. */
export const bodiesPath = (index: number, width: number = TILE_WIDTH): string =>
  `body/${groups(index)}${suffix(width)}`

/** Widths of the last tile of each level for a tree of `size` leaves; 0 where a level has none. */
export function partialWidth(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level) % TILE_WIDTH
}

/** Entries of a bundle: each with a big-endian 16-bit length before it. Undefined when the bundle is malformed. */
export function parseEntries(bundle: Uint8Array): Uint8Array[] | undefined {
  const entries: Uint8Array[] = []
  let at = 0
  while (at < bundle.length) {
    if (at + 2 > bundle.length) return undefined
    const length = ((bundle[at] as number) << 8) | (bundle[at + 1] as number)
    at += 2
    if (at + length > bundle.length) return undefined
    entries.push(bundle.subarray(at, at + length))
    at += length
  }
  return entries
}

/**
 * Bodies of a bundle's entries, in order: each with a big-endian 32-bit length before it, 0 where an entry has none.
 * Undefined when the file is malformed.
 */
export function parseBodies(file: Uint8Array): (Uint8Array | undefined)[] | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const bodies: (Uint8Array | undefined)[] = []
  let at = 0
  while (at < file.length) {
    if (at + 4 > file.length) return undefined
    const length = view.getUint32(at)
    at += 4
    if (length > file.length - at) return undefined
    bodies.push(length === 0 ? undefined : file.subarray(at, at + length))
    at += length
  }
  return bodies
}
