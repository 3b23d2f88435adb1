import type { Call } from "./call.ts";
import { openSealedText, sealText } from "./sealed-text.ts";

/** A page marker (`NextToken`, `Marker`) that is good for this account, region and listing only. */
export function sealPageMarker(call: Call, listing: string, lastName: string): string {
  return sealText(call.world, purposeOf(call, listing), lastName);
}

/** @returns the name of the last entry of the page before; undefined for a marker of another listing, or made up */
export function openPageMarker(call: Call, listing: string, marker: string): string | undefined {
  return openSealedText(call.world, purposeOf(call, listing), marker);
}

function purposeOf(call: Call, listing: string): string {
  return `${listing} ${call.principal.account.id} ${call.region}`;
}
