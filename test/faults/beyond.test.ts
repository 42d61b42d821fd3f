import { BEYOND_LIST_ROWS, BEYOND_PULL_ROWS } from "./beyond-pull-rows.js";
import { BEYOND_PUSH_ROWS, COPY_ROWS } from "./beyond-push-rows.js";
import { testRows } from "./row-tests.js";

testRows("a push, under faults that nobody has measured", "push", BEYOND_PUSH_ROWS);
testRows("a pull, under faults that nobody has measured", "pull", BEYOND_PULL_ROWS);
testRows("a copy within a registry", "copy", COPY_ROWS);
testRows("a list of tags, under faults that nobody has measured", "list", BEYOND_LIST_ROWS);
