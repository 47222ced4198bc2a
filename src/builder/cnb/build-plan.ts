import { parse, stringify } from 'smol-toml';
import { z } from 'zod';
import type { GroupMember } from './order-toml.ts';

/** What a buildpack's detect wrote: one or more alternatives. */
export interface PlanOptions {
  readonly options: readonly PlanOption[];
}

export interface PlanOption {
  readonly provides: readonly string[];
  readonly requires: readonly Requirement[];
}

export interface Requirement {
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A required name, the buildpacks that can provide it, and the requirements for it. */
export interface PlanEntry {
  readonly name: string;
  /** Buildpack ids, in the order of the group. */
  readonly providers: readonly string[];
  readonly requires: readonly Requirement[];
}

export interface Detected {
  readonly member: GroupMember;
  readonly plan: PlanOptions;
}

export interface Resolution {
  readonly group: readonly GroupMember[];
  readonly entries: readonly PlanEntry[];
}

const named = z.array(z.object({ name: z.string() })).default([]);
const requires = z
  .array(z.object({ name: z.string(), metadata: z.record(z.string(), z.unknown()).default({}) }))
  .default([]);
const optionSchema = z.object({ provides: named, requires });
const planSchema = optionSchema.extend({ or: z.array(optionSchema).default([]) });

/** Reads detect's build plan (Buildpack API, "Build Plan (TOML)"). Throws when the text is not a valid one. */
export function parseBuildPlan(text: string): PlanOptions {
  const { or, ...first } = planSchema.parse(parse(text));
  return {
    options: [first, ...or].map((option) => ({
      provides: option.provides.map(({ name }) => name),
      requires: option.requires,
    })),
  };
}

/**
 * The first combination of options in which every required name is provided by an earlier or the same buildpack, and every
 * provided name is required. Optional buildpacks that do not fit are left out. Null when no combination fits.
 * Source: Buildpack API, "Phase #1: Detection"; buildpacks/lifecycle, phase/detector.go (runTrial).
 */
export function resolvePlan(detected: readonly Detected[]): Resolution | null {
  return trials(detected, []);
}

interface Choice {
  readonly member: GroupMember;
  readonly option: PlanOption;
  readonly optional: boolean;
}

function trials(left: readonly Detected[], chosen: readonly Choice[]): Resolution | null {
  const [next, ...rest] = left;
  if (!next) return trial(chosen);
  const { options } = next.plan;
  for (const [index, option] of options.entries()) {
    // An optional buildpack may be left out only with its last option: the earlier ones are tried with it.
    const optional = next.member.optional && index === options.length - 1;
    const resolution = trials(rest, [...chosen, { member: next.member, option, optional }]);
    if (resolution) return resolution;
  }
  return null;
}

function trial(choices: readonly Choice[]): Resolution | null {
  const { unmet, unused, entries } = match(choices);
  const failing = [...unmet, ...unused];
  if (failing.length === 0) {
    return choices.length > 0 ? { group: choices.map(({ member }) => member), entries } : null;
  }
  if (failing.some((choice) => !choice.optional)) return null;
  return trial(choices.filter((choice) => !failing.includes(choice)));
}

interface Match {
  readonly unmet: readonly Choice[];
  readonly unused: readonly Choice[];
  readonly entries: readonly PlanEntry[];
}

function match(choices: readonly Choice[]): Match {
  const offered = new Map<string, Choice[]>();
  const entries = new Map<string, { providers: Choice[]; requires: Requirement[] }>();
  const unmet = new Set<Choice>();
  for (const choice of choices) {
    for (const name of choice.option.provides) offered.set(name, [...(offered.get(name) ?? []), choice]);
    for (const requirement of choice.option.requires) {
      const entry = entries.get(requirement.name) ?? { providers: [], requires: [] };
      entry.providers.push(...(offered.get(requirement.name) ?? []));
      offered.delete(requirement.name);
      if (entry.providers.length === 0) {
        unmet.add(choice);
        continue;
      }
      entry.requires.push(requirement);
      entries.set(requirement.name, entry);
    }
  }
  return {
    unmet: [...unmet],
    unused: [...new Set([...offered.values()].flat())],
    entries: [...entries].map(([name, entry]) => ({
      name,
      providers: [...new Set(entry.providers.map(({ member }) => member.buildpack.id))],
      requires: entry.requires,
    })),
  };
}

/** The entries that one buildpack is asked to provide, as its build reads them (Buildpack API, "Buildpack Plan (TOML)"). */
export function buildpackPlan(entries: readonly PlanEntry[], id: string): string {
  const own = entries.filter((entry) => entry.providers.includes(id)).flatMap((entry) => entry.requires);
  return stringify({ entries: own.map(({ name, metadata }) => ({ name, metadata })) });
}

/** The plan for the buildpacks after `id`: without the entries that it provides, except those that it reported as unmet. */
export function withoutMet(
  entries: readonly PlanEntry[],
  { id, unmet }: { readonly id: string; readonly unmet: readonly string[] },
): readonly PlanEntry[] {
  return entries.filter((entry) => !entry.providers.includes(id) || unmet.includes(entry.name));
}
