import { type ErrorDetails, GantryError } from "../errors.js";
import type { Report } from "./plan.js";

/**
 * A transfer that did not end: the error of the destination, or the source, that failed first, with the report of what
 * was done nevertheless and how each destination fared.
 */
export class TransferFailed extends GantryError {
  readonly report: Report;

  constructor(error: GantryError, report: Report) {
    super(error.code, error.message, { ...detailsOf(error), cause: error.cause ?? error });
    this.report = report;
  }

  /** Keeps the report. */
  override with(details: ErrorDetails): TransferFailed {
    return new TransferFailed(super.with(details), this.report);
  }
}

const detailsOf = ({ side, where, registry, hint, facts }: GantryError): ErrorDetails => ({
  side,
  where,
  registry,
  hint,
  facts,
});
