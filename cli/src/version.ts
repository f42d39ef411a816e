import description from "../package.json" with { type: "json" };

/** Version of the mesh and its commands. */
export const version: string = description.version;
