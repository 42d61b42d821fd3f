export declare const cache: string;
export declare const hostArchitecture: string;
export declare function busyboxRootfs(architectures?: readonly string[]): string;
export declare function debianRootfs(suite?: string): string;
