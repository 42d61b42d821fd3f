import type { ContentReader } from "../content/index.js";
import type { Descriptor, RepositoryName } from "../spec/index.js";
import type { Graph } from "./graph.js";
import type { LocationMemory } from "./memory.js";
import type { Destination } from "./plan.js";

/** A name, and what it is to point at. */
export interface PlannedName {
  readonly destination: Destination;
  readonly descriptor: Descriptor;
  readonly changed: boolean;
}

/** What planning a target needs to know. */
export interface Planning {
  readonly graph: Graph;
  readonly source: ContentReader;
  readonly sourceRepository: RepositoryName | undefined;
  readonly memory: LocationMemory;
  /** Only a part of what the root names is copied, so that the root being there proves nothing. */
  readonly isSparse?: boolean;
  readonly signal: AbortSignal | undefined;
  onKnown(): void;
  /** Something is left out that the user did not ask to leave out. */
  readonly onWarning: (message: string) => void;
}
