/** An address or a network: its bits as a number, 32 or 128 wide. */
export interface IpRange {
  readonly width: 32 | 128;
  readonly bits: bigint;
  /** How many leading bits count. */
  readonly prefix: number;
}

/**
 * A policy's address or network in CIDR notation. Without a prefix it is one address: `/32` as AWS documents, and
 * `/128` for IPv6. A network may have bits set behind its prefix in IPv4 only: AWS takes such an IPv6 network as none.
 *
 * @returns undefined when it is neither IPv4 nor IPv6
 */
export function parseIpRange(text: string): IpRange | undefined {
  const match = /^([0-9a-fA-F:.]{2,45})(?:\/(\d{1,3}))?$/.exec(text);
  if (match === null) return undefined;
  const [, address = "", prefixText] = match;
  const width = address.includes(":") ? 128 : 32;
  const bits = width === 32 ? parseIpv4(address) : parseIpv6(address);
  const prefix = prefixText === undefined ? width : Number(prefixText);
  if (bits === undefined || prefix > width) return undefined;
  const hidden = BigInt(width - prefix);
  if (width === 128 && (bits >> hidden) << hidden !== bits) return undefined;
  return { width, bits, prefix };
}

/** A request's address; an IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address. */
export function parseIpAddress(text: string): IpRange | undefined {
  const address = text.includes("/") ? undefined : parseIpRange(text);
  if (address?.width !== 128 || address.bits >> 32n !== 0xffffn) return address;
  return { width: 32, bits: address.bits & 0xffffffffn, prefix: 32 };
}

/** Never across the families. */
export function isInRange(address: IpRange, range: IpRange): boolean {
  const hidden = BigInt(range.width - range.prefix);
  return address.width === range.width && address.bits >> hidden === range.bits >> hidden;
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  // AWS reads "010" as ten.
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const isShortened = halves.length === 2;
  const head = parseGroups(halves[0] ?? "", !isShortened);
  const tail = parseGroups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (isShortened ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<bigint>(missing).fill(0n), ...tail];
  return groups.reduce((bits, group) => (bits << 16n) | group, 0n);
}

/** @param endsAddress whether the last 32 bits may be written as IPv4 here (RFC 4291, 2.2) */
function parseGroups(half: string, endsAddress: boolean): readonly bigint[] | undefined {
  if (half === "") return [];
  const groups: bigint[] = [];
  const parts = half.split(":");
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(BigInt(`0x${part}`));
      continue;
    }
    const embedded = endsAddress && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (embedded === undefined) return undefined;
    groups.push(embedded >> 16n, embedded & 0xffffn);
  }
  return groups;
}
