// IAM, the edge. Rules: this file alone of the room imports IAM's client, and is itself imported only when no device is
// known and a code is due; every client is made by aws/client-config.ts; it only reads, so the SDK may send again, and
// what is given ends it all.
import { IAMClient, ListMFADevicesCommand } from "@aws-sdk/client-iam";
import { detachFailure } from "../aws/aws-failure.ts";
import { makeClientConfig } from "../aws/client-config.ts";
import type { ClientSettings } from "../aws/client-settings.ts";

/** A device as IAM lists it. Any part can be missing or anything: what answers may not be AWS. */
export interface ListedDevice {
  readonly serialNumber: string | undefined;
  readonly enabledAt: Date | undefined;
}

export interface DevicePage {
  /** Undefined: the answer holds no list at all. */
  readonly devices: readonly ListedDevice[] | undefined;
  /** Undefined on the last page. */
  readonly nextMarker: string | undefined;
}

export interface IamClient {
  /**
   * A page of the MFA devices of the user whose keys sign.
   * @throws what the SDK throws, detached from its response: `aws/aws-failure.ts` tells what it means
   */
  listMfaDevices(marker: string | undefined, abortSignal: AbortSignal): Promise<DevicePage>;
  close(): void;
}

export function makeIamClient(settings: ClientSettings): IamClient {
  const client = new IAMClient(makeClientConfig(settings));
  return {
    async listMfaDevices(marker, abortSignal) {
      try {
        const command = new ListMFADevicesCommand(marker === undefined ? {} : { Marker: marker });
        const output = await client.send(command, { abortSignal });
        return {
          devices: output.MFADevices?.map((device) => ({
            serialNumber: device.SerialNumber,
            enabledAt: device.EnableDate,
          })),
          nextMarker: output.IsTruncated === true ? output.Marker || undefined : undefined,
        };
      } catch (error) {
        throw detachFailure(error);
      }
    },
    close: () => client.destroy(),
  };
}
