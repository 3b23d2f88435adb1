/** `us-east-1`, `us-gov-west-1`, `us-isob-east-1`, `eusc-de-east-1`: it becomes part of a host name. */
export const REGION = /^[a-z]{2,5}(?:-[a-z]{2,12}){1,3}-\d{1,2}$/;
