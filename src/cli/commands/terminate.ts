import type { Command } from "commander";
import type { Instance } from "../../actions/ec2/instance.ts";
import { listInstances } from "../../actions/ec2/instances.ts";
import { terminate } from "../../actions/ec2/terminate.ts";
import type { ResourcePicker } from "../pick-resource.ts";
import type { Services } from "../services.ts";
import { registerDestructive } from "./destructive.ts";

const picker: ResourcePicker = {
  noun: "instance",
  async list(scope) {
    const living: Instance[] = [];
    for await (const page of listInstances(scope)) {
      living.push(...page.filter(({ state }) => state !== "terminated" && state !== "shutting-down"));
    }
    return living.map((one) => ({
      id: one.id,
      facts: [one.name ?? "", one.state, one.type ?? "", one.zone ?? ""],
    }));
  },
};

export function registerTerminate(program: Command, services: Services, targetName: string): void {
  registerDestructive(program, services, targetName, {
    action: terminate,
    operands: "ids",
    description: "terminate EC2 instances",
    picker,
  });
}
