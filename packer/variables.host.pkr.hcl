# The machine that is baked in place. With a host_address the build is of that host, without one of an AMI.

variable "host_address" {
  type        = string
  default     = ""
  description = "The name or address of a machine to bake over SSH instead of making an AMI. Empty: make an AMI."

  validation {
    condition     = var.host_address == "" || can(regex("^[A-Za-z0-9.:_-]+$", var.host_address))
    error_message = "The host_address must be a name or an address, without a user or a port."
  }
}

variable "host_port" {
  type        = number
  default     = 22
  description = "The host's SSH port."

  validation {
    condition     = var.host_port > 0 && var.host_port < 65536
    error_message = "The host_port must be 1 to 65535."
  }
}

variable "host_user" {
  type        = string
  default     = "ubuntu"
  description = "Who logs in at the host; may use sudo without a password."

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_.-]*$", var.host_user))
    error_message = "The host_user must be a user's name."
  }
}

variable "host_private_key_file" {
  type        = string
  default     = ""
  description = "The private key for the host. Empty: the SSH agent's keys."

  validation {
    condition     = var.host_private_key_file == "" || can(regex("^[/~]", var.host_private_key_file))
    error_message = "The host_private_key_file must be an absolute path."
  }
}
