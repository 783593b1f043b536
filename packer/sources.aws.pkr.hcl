# A machine rented on EC2 that becomes an AMI: Canonical's Ubuntu 22.04 on a machine with the GPU that will be used.

source "amazon-ebs" "image" {
  region        = var.region
  instance_type = var.instance_type
  spot_price    = var.spot ? "auto" : ""

  source_ami_filter {
    filters = {
      name                = var.source_ami_name
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = var.source_ami_owners
    most_recent = true
  }

  # Drawn at random, so that a build repeated for want of capacity meets another zone: most_free sticks to one
  # (packer-plugin-amazon #425).
  vpc_id    = var.vpc_id
  subnet_id = var.subnet_id
  subnet_filter {
    filters = var.subnet_filter
    random  = true
  }
  associate_public_ip_address = var.associate_public_ip_address

  # Only this computer gets in, with a key that lives as long as the build.
  temporary_security_group_source_public_ip = length(var.builder_cidrs) == 0
  temporary_security_group_source_cidrs     = length(var.builder_cidrs) == 0 ? null : var.builder_cidrs
  temporary_key_pair_type                   = "ed25519"
  ssh_keypair_name                          = var.ssh_keypair_name
  ssh_private_key_file                      = var.ssh_private_key_file
  ssh_clear_authorized_keys                 = true
  communicator                              = "ssh"
  ssh_host                                  = var.ssh_host
  ssh_username                              = "ubuntu"
  ssh_interface                             = var.ssh_interface
  ssh_timeout                               = "10m"

  # The metadata service answers version 2 alone: on this machine, and on every one launched from the image.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  imds_support = "v2.0"

  # A machine that powers itself off is gone, whatever becomes of this computer. For a spot instance the plugin leaves
  # this out: a one-time request cannot be stopped from inside anyway, only ended.
  shutdown_behavior = "terminate"

  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_size           = var.volume_size
    volume_type           = "gp3"
    iops                  = 3000
    throughput            = 125
    delete_on_termination = true
  }

  ami_name                = local.name
  ami_description         = "Swedish speech to text, baked from ${var.git_sha}; registered only because its checks passed."
  ami_virtualization_type = "hvm"
  encrypt_boot            = var.encrypt ? true : null
  kms_key_id              = var.kms_key_id
  ami_regions             = var.copy_regions
  ami_users               = var.share_accounts
  deprecate_at            = local.deprecate_at
  deregistration_protection {
    enabled       = var.protect
    with_cooldown = var.protect
  }

  tags              = local.tags
  snapshot_tags     = local.own_tags
  run_tags          = local.own_tags
  run_volume_tags   = local.own_tags
  spot_tags         = var.spot ? local.own_tags : null
  skip_ami_run_tags = true # the image has its own tags, and not those of the machine that it was made on

  # Snapshots of 30 GB take their time; the plugin's own patience is 10 minutes.
  aws_polling {
    delay_seconds = 30
    max_attempts  = 300
  }
}
