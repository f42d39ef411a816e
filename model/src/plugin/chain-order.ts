/**
 * Places in the chain of resolvers: the lowest is asked first, and what comes before may hide what comes after. Programs of the
 * mesh win over names that are written down, both over plugins that say nothing else, and DNS is the last resort.
 */
export const CHAIN_ORDER = { workloads: 100, staticServices: 200, plugin: 500, dns: 900 } as const;

/** The last place that a plugin may ask for. 0 stands for the default. */
export const MAX_CHAIN_ORDER = 10_000;
