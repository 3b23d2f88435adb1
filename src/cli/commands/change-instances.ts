import type { Command } from "commander";
import { findMatching } from "../../actions/ec2/find-matching.ts";
import type { Instance } from "../../actions/ec2/instance.ts";
import type { InstanceAction } from "../../actions/ec2/instance-action.ts";
import { doubtOfComma, formatInstanceFilters, parseInstanceFilters } from "../../actions/ec2/instance-filters.ts";
import { LIST_INSTANCES_NEEDS, listInstances } from "../../actions/ec2/instances.ts";
import { reboot } from "../../actions/ec2/reboot.ts";
import { start } from "../../actions/ec2/start.ts";
import { makeStop, type StopOptions } from "../../actions/ec2/stop.ts";
import { terminate } from "../../actions/ec2/terminate.ts";
import type { ResourcePicker } from "../pick-resource.ts";
import type { Selector } from "../selection.ts";
import type { Services } from "../services.ts";
import { type DestructiveCommand, registerDestructive } from "./destructive.ts";

export const registerTerminate = registrar({ name: "terminate", makeAction: () => terminate });
export const registerStop = registrar<StopOptions>({
  name: "stop",
  makeAction: makeStop,
  ownOptions: [
    ["--force", "also where the operating system does not shut down: what it has not written is lost"],
    ["--hibernate", "keep what is in memory, where the instance was launched for that"],
  ],
});
export const registerStart = registrar({ name: "start", makeAction: () => start });
export const registerReboot = registrar({ name: "reboot", makeAction: () => reboot });

function registrar<Own extends object>(
  command: Pick<DestructiveCommand<Own, InstanceAction>, "name" | "makeAction" | "ownOptions">,
) {
  return (program: Command, services: Services, targetName: string): void =>
    registerDestructive(program, services, targetName, {
      ...command,
      operands: "ids",
      description: `${command.name} EC2 instances`,
      makePicker: pickerFor,
      makeSelector: selectorFor,
    });
}

/** Offers only what there is anything to be done to. */
function pickerFor({ isFor }: InstanceAction): ResourcePicker {
  return {
    noun: "instance",
    needs: LIST_INSTANCES_NEEDS,
    async list(scope) {
      const fitting: Instance[] = [];
      for await (const page of listInstances(scope)) fitting.push(...page.filter(({ state }) => isFor(state)));
      return fitting.map((one) => ({
        id: one.id,
        facts: [one.name ?? "", one.state, one.type ?? "", one.zone ?? ""],
      }));
    },
  };
}

/** Finds only what there is anything to be done to. */
function selectorFor({ isFor }: InstanceAction, words: readonly string[]): Selector {
  const filters = parseInstanceFilters(words);
  return {
    text: formatInstanceFilters(filters),
    doubt: doubtOfComma(words),
    find: (scope) => findMatching(scope, filters, isFor),
  };
}
