// The library reads its metadata through this polyfill, which therefore comes first.
import "reflect-metadata";

export * from "@peculiar/x509";
