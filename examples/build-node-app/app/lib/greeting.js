/** @param {string | undefined} name */
export const greeting = (name) => `hello, ${name ?? "nobody"}`;
