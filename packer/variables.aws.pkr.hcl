# How the machine that becomes an AMI is rented, and what the AMI is like.

variable "region" {
  type        = string
  default     = "eu-north-1"
  description = "The AWS region in which the image is made."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be one of AWS, such as eu-north-1."
  }
}

variable "instance_type" {
  type        = string
  default     = "g4dn.xlarge"
  description = "What the image is baked on. The kernel cache is warmed on its GPU, so bake on what will run."

  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "The instance_type must be one of EC2, such as g4dn.xlarge."
  }
}

variable "spot" {
  type        = bool
  default     = true
  description = "Bake on a spot instance, never dearer than on demand."
}

variable "source_ami_name" {
  type        = string
  default     = "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"
  description = "The newest image of this name is the base."

  validation {
    condition     = length(var.source_ami_name) > 0
    error_message = "The source_ami_name must be a name, in which * stands for anything."
  }
}

variable "source_ami_owners" {
  type        = list(string)
  default     = ["099720109477"]
  description = "The accounts whose images may be the base: Canonical's."

  validation {
    condition     = length(var.source_ami_owners) > 0
    error_message = "The source_ami_owners must name at least one account: anyone may call an image ubuntu."
  }
}

variable "vpc_id" {
  type        = string
  default     = null
  description = "The VPC to bake in; null: the default VPC. In one of your own set subnet_id or subnet_filter too: it has no default-for-az."

  validation {
    condition     = var.vpc_id == null || can(regex("^vpc-[0-9a-f]+$", var.vpc_id))
    error_message = "The vpc_id must be one such as vpc-0123456789abcdef0."
  }
}

variable "subnet_id" {
  type        = string
  default     = null
  description = "The subnet to bake in; null: one of subnet_filter at random, so that a retry meets another zone."

  validation {
    condition     = var.subnet_id == null || can(regex("^subnet-[0-9a-f]+$", var.subnet_id))
    error_message = "The subnet_id must be one such as subnet-0123456789abcdef0."
  }
}

variable "subnet_filter" {
  type        = map(string)
  default     = { "default-for-az" = "true" }
  description = "Which subnets may be drawn, as filters of DescribeSubnets. The default fits those of a default VPC alone."

  validation {
    condition     = length(var.subnet_filter) > 0
    error_message = "The subnet_filter must hold at least one filter."
  }
}

variable "associate_public_ip_address" {
  type        = bool
  default     = true
  description = "Give the build machine a public address. false: reach it by a private one, see ssh_interface."
}

variable "builder_cidrs" {
  type        = list(string)
  default     = []
  description = "The addresses that may reach the build machine by SSH. Empty: this computer's own, asked of AWS."

  validation {
    condition     = length([for cidr in var.builder_cidrs : cidr if !can(cidrhost(cidr, 0))]) == 0
    error_message = "The builder_cidrs must be networks such as 203.0.113.7/32."
  }

  validation {
    condition     = !contains(var.builder_cidrs, "0.0.0.0/0")
    error_message = "The builder_cidrs must not be the whole world."
  }
}

variable "ssh_interface" {
  type        = string
  default     = "public_ip"
  description = "Which address of the build machine is used: public_ip, private_ip, public_dns or private_dns."

  validation {
    condition     = contains(["public_ip", "private_ip", "public_dns", "private_dns"], var.ssh_interface)
    error_message = "The ssh_interface must be public_ip, private_ip, public_dns or private_dns."
  }
}

variable "ssh_host" {
  type        = string
  default     = null
  description = "Another address under which the build machine is reached, as behind a bastion; null: its own."

  validation {
    condition     = var.ssh_host == null || can(regex("^[A-Za-z0-9.:_-]+$", var.ssh_host))
    error_message = "The ssh_host must be a name or an address, without a user or a port."
  }
}

variable "ssh_keypair_name" {
  type        = string
  default     = null
  description = "A key pair of the account to use; null: a new ed25519 pair for this build, deleted after it."

  validation {
    condition     = var.ssh_keypair_name == null || can(regex("^.{1,255}$", var.ssh_keypair_name))
    error_message = "The ssh_keypair_name must be the name of a key pair."
  }
}

variable "ssh_private_key_file" {
  type        = string
  default     = null
  description = "The private key of ssh_keypair_name."

  validation {
    condition     = var.ssh_private_key_file == null || can(regex("^[/~]", var.ssh_private_key_file))
    error_message = "The ssh_private_key_file must be an absolute path."
  }
}

variable "volume_size" {
  type        = number
  default     = 30
  description = "The image's root volume in GB (gp3, 3000 IOPS, 125 MB/s)."

  validation {
    condition     = var.volume_size >= 20 && var.volume_size <= 1000
    error_message = "The volume_size must be 20 to 1000 GB: less does not hold torch, CUDA and the model."
  }
}

variable "encrypt" {
  type        = bool
  default     = false
  description = "Encrypt the image's snapshot. false: as the account does by default."
}

variable "kms_key_id" {
  type        = string
  default     = null
  description = "The key to encrypt with, which encrypt must ask for; null: the account's default key, with which an image cannot be shared."

  validation {
    condition     = var.kms_key_id == null || can(regex("^(arn:aws|alias/|[0-9a-f-]{36}$|mrk-)", var.kms_key_id))
    error_message = "The kms_key_id must be a key's id, alias or ARN."
  }
}

variable "copy_regions" {
  type        = list(string)
  default     = []
  description = "Further regions that get a copy of the image."

  validation {
    condition     = length([for name in var.copy_regions : name if !can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", name))]) == 0
    error_message = "The copy_regions must be regions of AWS, such as eu-west-1."
  }
}

variable "share_accounts" {
  type        = list(string)
  default     = []
  description = "Further accounts that may launch the image."

  validation {
    condition     = length([for account in var.share_accounts : account if !can(regex("^[0-9]{12}$", account))]) == 0
    error_message = "The share_accounts must be account numbers of 12 digits."
  }
}

variable "deprecate_after_days" {
  type        = number
  default     = 365
  description = "After how many days the image is no longer offered; it can still be launched."

  validation {
    condition     = var.deprecate_after_days >= 1 && var.deprecate_after_days <= 3650
    error_message = "The deprecate_after_days must be 1 to 3650."
  }
}

variable "protect" {
  type        = bool
  default     = true
  description = "Protect the image from being deregistered, with a cool-down of a day. ./invoke images --prune lifts it."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Your own tags, on the image, its snapshots and all that is rented to make it."

  validation {
    condition     = length([for name in keys(var.tags) : name if can(regex("^aws:", name))]) == 0
    error_message = "The tags must not begin with aws:, which is Amazon's own."
  }
}
