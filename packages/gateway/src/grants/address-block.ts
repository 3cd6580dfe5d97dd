import { BlockList, isIP } from 'node:net'

/** A CIDR block (RFC 4632, RFC 4291 section 2.3). */
export interface AddressBlock {
  readonly version: 4 | 6
  readonly address: string
  readonly bits: number
  /** True for an address of the same version inside the block; an IPv4 address in IPv6 clothes is not one. */
  has(address: string): boolean
}

/** Undefined when the text is no CIDR block. */
export function parseBlock(cidr: string): AddressBlock | undefined {
  const [address = '', bits = '', more] = cidr.split('/')
  const version = versionOf(address)
  if (version === undefined || more !== undefined || !/^\d{1,3}$/.test(bits)) return undefined
  if (Number(bits) > (version === 4 ? 32 : 128)) return undefined
  const list = new BlockList()
  const family = version === 4 ? 'ipv4' : 'ipv6'
  list.addSubnet(address, Number(bits), family)
  return {
    version,
    address,
    bits: Number(bits),
    has: (candidate) => versionOf(candidate) === version && list.check(candidate, family),
  }
}

export const blockWithin = (a: AddressBlock, b: AddressBlock): boolean =>
  a.version === b.version && a.bits >= b.bits && b.has(a.address)

/** A zone (`fe80::1%eth0`) makes an address mean something else on each host, so it is none. */
function versionOf(address: string): 4 | 6 | undefined {
  const version = isIP(address)
  return address.includes('%') || version === 0 ? undefined : (version as 4 | 6)
}
