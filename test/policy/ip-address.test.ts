import { BlockList } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isInRange, parseIpAddress, parseIpRange } from "../../src/policy/ip-address.ts";

function matches(address: string, range: string): boolean | undefined {
  const parsedAddress = parseIpAddress(address);
  const parsedRange = parseIpRange(range);
  return parsedAddress && parsedRange && isInRange(parsedAddress, parsedRange);
}

describe("IP ranges", () => {
  it.each<[address: string, range: string, expected: boolean | undefined]>([
    ["203.0.113.7", "203.0.113.0/24", true],
    ["203.0.113.7", "203.0.113.9/24", true],
    ["203.0.114.7", "203.0.113.0/24", false],
    ["203.0.113.7", "203.0.113.7", true],
    ["203.0.113.7", "203.0.113.8", false],
    ["203.0.113.7", "0.0.0.0/0", true],
    ["203.0.113.7", "::/0", false],
    ["255.255.255.255", "255.255.255.254/31", true],
    ["010.0.0.1", "10.0.0.0/8", true],
    ["2001:db8:1234:5678::1", "2001:DB8:1234:5678::/64", true],
    ["2001:db8:1234:5679::1", "2001:DB8:1234:5678::/64", false],
    ["2001:db8::1", "2001:db8:0:0:0:0:0:1", true],
    ["2001:db8::2", "2001:db8::1", false],
    ["2001:db8::1", "0.0.0.0/0", false],
    ["2001:db8::1", "::/0", true],
    // AWS takes an IPv6 network with bits behind its prefix for none.
    ["2001:db8::5", "2001:db8::5/64", undefined],
    ["2001:db8::5", "2001:db8::4/127", true],
    // The request's address only: a network stays in the family it is written in.
    ["::ffff:203.0.113.7", "203.0.113.0/24", true],
    ["203.0.113.7", "::ffff:203.0.113.0/120", false],
    ["203.0.113.0/24", "203.0.113.0/24", undefined],
  ])("%s in %s: %s", (address, range, expected) => {
    expect(matches(address, range)).toBe(expected);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3.4/33",
    "1.2.3.4/",
    "1.2.3.4/-1",
    "a.b.c.d",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "g::",
    "::1/129",
    "1.2.3.4::",
    "::1.2.3",
    "fe80::1%eth0",
    "1.2.3.4 ",
  ])("%j is neither an address nor a network", (text) => {
    expect(parseIpRange(text)).toBeUndefined();
  });

  it("agrees with Node's own BlockList on every network and address it is tried on", () => {
    const near = (address: string, other: string, take: number) => (take === 0 ? address : other);
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.nat(1), fc.nat(32), (network, other, take, prefix) => {
        const list = new BlockList();
        list.addSubnet(network, prefix, "ipv4");
        const address = near(network, other, take);
        expect(matches(address, `${network}/${prefix}`)).toBe(list.check(address, "ipv4"));
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), fc.nat(1), fc.constantFrom(0, 16, 32, 64), (network, other, take, prefix) => {
        const range = parseIpRange(`${network}/${prefix}`);
        if (range === undefined) return;
        const list = new BlockList();
        list.addSubnet(network, prefix, "ipv6");
        const address = near(network, other, take);
        if (parseIpAddress(address)?.width === 128) {
          expect(matches(address, `${network}/${prefix}`)).toBe(list.check(address, "ipv6"));
        }
      }),
    );
  });
});
