/** An address or a CIDR range: its bits as a number, 32 or 128 wide. */
export interface IpRange {
  readonly width: 32 | 128;
  readonly bits: bigint;
  /** How many leading bits count. */
  readonly prefix: number;
}

/** @returns undefined when it is neither IPv4 nor IPv6, in standard CIDR notation or plain (`/32`, `/128`) */
export function parseIpRange(text: string): IpRange | undefined {
  const match = /^([0-9a-fA-F:.]{2,45})(?:\/(\d{1,3}))?$/.exec(text);
  if (match === null) return undefined;
  const [, address = "", prefixText] = match;
  const width = address.includes(":") ? 128 : 32;
  const bits = width === 32 ? parseIpv4(address) : parseIpv6(address);
  const prefix = prefixText === undefined ? width : Number(prefixText);
  return bits === undefined || prefix > width ? undefined : { width, bits, prefix };
}

/** Whether all of `inner` lies in `outer`. Never across families. */
export function rangeContains(outer: IpRange, inner: IpRange): boolean {
  if (outer.width !== inner.width || inner.prefix < outer.prefix) return false;
  const hidden = BigInt(outer.width - outer.prefix);
  return outer.bits >> hidden === inner.bits >> hidden;
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  // "010" is octal to some readers and decimal to others: no address.
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<bigint>(missing).fill(0n), ...(tail ?? [])];
  return groups.reduce((bits, group) => (bits << 16n) | group, 0n);
}

function parseGroups(half: string): readonly bigint[] | undefined {
  if (half === "") return [];
  const groups: bigint[] = [];
  const parts = half.split(":");
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(BigInt(`0x${part}`));
      continue;
    }
    // The last 32 bits may be written as IPv4 (RFC 4291 2.2).
    const embedded = index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (embedded === undefined) return undefined;
    groups.push(embedded >> 16n, embedded & 0xffffn);
  }
  return groups;
}
