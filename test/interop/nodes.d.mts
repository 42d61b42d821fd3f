export declare const majors: readonly string[];
export declare function nodeOf(major: string): string;
