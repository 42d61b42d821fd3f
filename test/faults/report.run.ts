import { test } from "vitest";
import { report } from "./report.js";

test("the page on reliability is written", () => report(process.env["RELIABILITY_PAGE"]!));
